import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import * as z from 'zod/mini'
import { readRuns } from '../../src/report/run-history.js'
import { type JsonLine, jsonLine } from '../../src/status/line-schema.js'
import { fixture, migrate, tempDir, unpack } from '../support/cortex.js'

const BIN = join(fixture('..'), '..', 'bin', 'migrate_020.mjs')

test('migrate_020 --json prints lines of the schema only, numbered from 1, from begin to end', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const { status, stdout, stderr } = migrate('--src', src, '--dest', dest, '--workers', '2', '--verify', '--json')
  assert.equal(status, 8, stderr)
  const lines = linesOf(stdout)
  const [begin] = lines
  assert.ok(begin.event === 'begin')
  assert.deepEqual([begin.source, begin.dest, begin.dry_run], [src, dest, false])
  const run = readRuns(dest)?.at(-1)
  assert.equal(run?.runId, begin.run_id)
  const end = lines.at(-1)
  assert.ok(end?.event === 'end')
  assert.deepEqual([end.status, end.exit_code, end.message, end.errors], ['incomplete', 8, null, 1])
  const phases = lines.flatMap((line) => (line.event === 'phase' && line.layer === null ? [line.phase] : []))
  assert.deepEqual(phases, ['migrate', 'verify'])
  // Of each layer every phase that began has ended, with all of it done.
  const layers = lines.flatMap((line) => (line.event === 'layer' ? [line] : []))
  assert.equal(layers.length, 4)
  for (const { layer, nodes, nodes_migrated: migrated } of layers) {
    const found: { nodes: number; migrated: number } | undefined = run?.layers?.find(({ iden }) => iden === layer)
    assert.deepEqual([nodes, migrated], [found?.nodes, found?.migrated])
  }
  const tasks = lines.flatMap((line) => (line.event === 'phase' && line.counts !== null ? [line] : []))
  const [begun, ended] = (['started', 'done'] as const).map((status) =>
    tasks.filter((line) => line.status === status).map(({ phase, layer }) => `${phase} ${layer}`),
  )
  assert.deepEqual([...begun].sort(), [...ended].sort())
  assert.ok(['nodes', 'indexes', 'splices', 'verify'].every((phase) => begun.some((task) => task.startsWith(phase))))
  assert.ok(tasks.every(({ status, counts }) => status === 'started' || counts?.done === counts?.total))
  const errors = lines.find((line) => line.event === 'errors')
  assert.deepEqual([errors?.total, errors?.open, errors?.kinds.filter(({ is_note }) => !is_note).length], [1, 1, 1])
  assert.equal(lines.find((line) => line.event === 'verify')?.differences, 0)
  assert.deepEqual(
    lines.flatMap((line) => (line.event === 'note' ? [line.text] : [])),
    run?.notes,
  )
})

test('migrate_020 --json tells how a run ends that is dry, refused, or cannot begin', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const { status, stdout } = migrate('--src', src, '--dest', dest, '--dry-run', '--safety-off', '--json')
  const dry = linesOf(stdout)
  assert.equal(endOf(dry)[1], status)
  assert.ok(dry[0].event === 'begin' && dry[0].dry_run)
  assert.ok(dry.some((line) => line.event === 'phase' && line.phase === 'migrate'))
  assert.ok(dry.some((line) => line.event === 'warning' && /checking .* disabled/.test(line.text)))
  assert.equal(existsSync(dest), false)
  const [code, refused] = endOf(linesOf(migrate('--src', join(dir, 'none'), '--dest', dest, '--json').stdout)).slice(1)
  assert.equal(code, 5)
  assert.match(String(refused), /none/)
  const none = linesOf(migrate('--src', src, '--dest', dest, '--model', join(dir, 'none.json'), '--json').stdout)
  assert.deepEqual(endOf(none).slice(0, 2), ['failed', 3])
  assert.equal(none.length, 2)
})

test('migrate_020 --json ends with a line that says so when a signal ends the run', async (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const args = [BIN, '--src', src, '--dest', join(dir, 'dest'), '--json']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let stdout = ''
  child.stdout.on('data', (text) => {
    stdout += text
    if (stdout.includes('"phase":"migrate"')) child.kill('SIGTERM')
  })
  const status = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(status, 143)
  assert.deepEqual(endOf(linesOf(stdout)), ['interrupted', 143, null])
})

test('migrate_020 --json has an end, too, when a signal comes while it reads its options', async (t) => {
  const dir = tempDir(t)
  // Nobody answers there.
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const model = `tcp://root:secret@127.0.0.1:${(server.address() as AddressInfo).port}/`
  const args = [BIN, '--src', dir, '--dest', join(dir, 'dest'), '--model', model, '--json']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let stdout = ''
  child.stdout.on('data', (text) => {
    stdout += text
  })
  await once(server, 'connection')
  child.kill('SIGINT')
  await once(child, 'close')
  assert.deepEqual(endOf(linesOf(stdout)), ['interrupted', 130, null])
  assert.doesNotMatch(stdout, /secret/)
})

test('docs/json-lines.schema.json is the schema that lines are checked with', () => {
  const schema = JSON.parse(readFileSync('docs/json-lines.schema.json', 'utf8'))
  assert.deepEqual(schema, JSON.parse(JSON.stringify(z.toJSONSchema(jsonLine))))
})

test('docs/json-lines.md names every event and every field of it', () => {
  const text = readFileSync('docs/json-lines.md', 'utf8')
  for (const { shape } of jsonLine._zod.def.options) {
    const names = [...shape.event._zod.values, ...Object.keys(shape)].map(String)
    for (const name of names) assert.ok(text.includes(`\`${name}\``), name)
  }
})

function linesOf(stdout: string): JsonLine[] {
  assert.match(stdout, /\n$/)
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => jsonLine.parse(JSON.parse(line)))
  assert.deepEqual(
    lines.map(({ seq }) => seq),
    lines.map((_, at) => at + 1),
  )
  assert.deepEqual([lines[0].event, lines.at(-1)?.event], ['begin', 'end'])
  assert.equal(new Set(lines.map(({ run_id }) => run_id)).size, 1)
  return lines
}

function endOf(lines: readonly JsonLine[]) {
  const end = lines.at(-1)
  assert.ok(end?.event === 'end')
  return [end.status, end.exit_code, end.message]
}
