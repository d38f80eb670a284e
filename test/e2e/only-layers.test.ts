import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { statusText } from '../../src/cli/status-text.js'
import { type MigrateInput, migrate, preflight, type VerifyInput, verify } from '../../src/index.js'
import { statusOf } from '../../src/status/outside-status.js'
import { migrate as migrate020, tempDir, unpack } from '../support/cortex.js'
import { runMigrator } from '../support/migrator.js'
import { layerDigests } from '../support/row-digest.js'

test('--layer migrates these layers alone, says which it has not looked at, and --from-last adds the others', async (t) => {
  const dir = tempDir(t)
  const srcDir = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const idens = readdirSync(join(srcDir, 'layers')).sort()
  const [first, second, ...others] = idens
  const machine = { workers: 1, memoryBytes: 1 << 26 }
  // A process writes to a destination once.
  const run = async (destDir: string, options: Partial<MigrateInput>) => {
    const { summary, stderr } = await runMigrator({ srcDir, destDir, restart: false, ...machine, ...options })
    assert.ok(summary !== undefined, stderr)
    return summary
  }
  const compare = (destDir: string, options: Partial<VerifyInput> = {}) =>
    verify({ srcDir, destDir, ...machine, ...options })
  const whole = join(dir, 'whole')
  await migrate({ srcDir, destDir: whole, ...machine })
  const expected = layerDigests(whole)
  const of = (wanted: readonly string[]) =>
    Object.fromEntries(Object.entries(expected).filter(([slab]) => wanted.some((iden) => slab.startsWith(iden))))

  const dest = join(dir, 'dest')
  const dry = await migrate({ srcDir, destDir: dest, ...machine, onlyLayers: [first], dryRun: true })
  const done = await run(dest, { onlyLayers: [first] })
  for (const { layers, notes } of [dry, done]) {
    assert.deepEqual(
      layers.map(({ iden }) => iden),
      [first],
    )
    const left = [second, ...others].join(', ')
    assert.ok(notes.some((note) => note.startsWith('Not looked at') && note.includes(left)))
  }
  assert.deepEqual(layerDigests(dest), of([first]))
  assert.ok((await compare(dest)).differenceCount > 0)
  await assert.rejects(compare(dest, { onlyLayers: ['ff'] }), /Cannot verify layer ff: ".*" has no such layer/)

  const problems = async (options: Partial<MigrateInput>) =>
    (await preflight({ srcDir, destDir: dest, ...machine, ...options })).problems.map(({ text }) => text).join('\n')
  assert.match(await problems({}), /it holds an unfinished migration/)
  assert.match(await problems({ restart: true, onlyLayers: [second] }), new RegExp(`it has layer ${first} already`))
  assert.match(await problems({ fromLast: true, onlyLayers: ['ff'] }), /^Cannot migrate layer ff: it is not among/)
  assert.equal(await problems({ restart: true, onlyLayers: idens }), '')

  const { notes } = await run(dest, { fromLast: true })
  assert.ok(notes.every((note) => !note.startsWith('Not looked at')))
  assert.deepEqual(layerDigests(dest), expected)
  const all = await compare(dest)
  assert.deepEqual([all.differenceCount, all.notCompared], [0, []])
})

test('the summary, the report, status and verify of a run with --layer never claim that all of the Cortex is there', async (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const [first, ...others] = readdirSync(join(src, 'layers')).sort()
  const args = ['--src', src, '--dest', dest, '--verify', '--accept-errors', 'all']
  const { status, stdout, stderr } = migrate020(...args, '--layer', first.toUpperCase())
  assert.equal(status, 0, stdout + stderr)
  assert.match(stdout, new RegExp(`note: Not looked at, as --layer names others: layers ${others.join(', ')}\\. `))
  assert.match(stdout, new RegExp(`not compared: layer ${others.join(', ')}, as --layer names others`))
  assert.match(stdout, /^No differences in what was compared/m)
  const report = JSON.parse(readFileSync(join(dest, 'migration', 'report.json'), 'utf8'))
  assert.equal(report.verdict.status, 'incomplete')
  assert.match(report.verdict.text, /holds 1 error; it was told to leave out all layers but .* \(--layer\)/)
  assert.doesNotMatch(stdout, /Compared all of/)
  const said = statusText(dest, await statusOf(dest, () => {}), 0, (_, text) => text)
  assert.match(said, /^ {2}left out, as asked: all layers but .* \(--layer\)$/m)
  assert.ok(report.not_looked_at.some((what: string) => what.includes(`all layers but ${first} (--layer)`)))
})
