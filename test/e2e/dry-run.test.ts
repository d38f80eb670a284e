import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { MigrateSummary } from '../../src/migrate/summary.js'
import { migrate, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { runMigrator } from '../support/migrator.js'
import { layerDigests } from '../support/row-digest.js'

/** Cortexes whose migrations have errors of all steps and kinds. */
const CASES = [
  'demo-cortex',
  'bad/normerror/src',
  'bad/splices-truncated/src',
  'bad/trigger-noview/src',
  'bad/orphanrows-mappartial/src',
  'bad/badutf8-key/src',
]

test('--dry-run reports what a real run reports, counts and errors by kind, and writes nothing', async (t) => {
  const dir = tempDir(t)
  const kinds = new Set<string>()
  for (const [i, name] of CASES.entries()) {
    const srcDir = unpack(`${name}.tar.gz`, join(dir, `src-${i}`))
    const destDir = join(dir, `dest-${i}`, 'deeper')
    const dry = await runMigrator({ srcDir, destDir, dryRun: true })
    assert.ok(dry.summary !== undefined, dry.stderr)
    assert.equal(existsSync(join(dir, `dest-${i}`)), false)
    const real = await runMigrator({ srcDir, destDir })
    assert.ok(real.summary !== undefined, real.stderr)
    assert.deepEqual(withoutTimes(dry.summary), withoutTimes(real.summary), name)
    const { errorKinds, errorCount } = real.summary
    assert.equal(
      errorKinds.reduce((sum, { errors }) => sum + errors, 0),
      errorCount,
      name,
    )
    for (const { step, code } of errorKinds) kinds.add(`${step} ${code}`)
  }
  assert.ok(kinds.size >= 6, [...kinds].join())
  assert.deepEqual(
    readdirSync(tmpdir()).filter((name) => name.startsWith('synapse-migrator-dry-')),
    [],
  )
})

test('--dry-run into a destination that is there changes nothing in it, and says so', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest).status, 8)
  const before = [dumpCortex(dest), readdirSync(dest, { recursive: true })]
  const { status, stdout } = migrate('--src', src, '--dest', dest, '--dry-run', '--migr-ops', 'nodes', 'splices')
  assert.equal(status, 8)
  assert.match(stdout, /^Dry run of a migration of .* in \d+\.\d s: nothing was written$/m)
  assert.match(stdout, /^ {2}5 errors: these would not be migrated\n {4}5 {2}nodes {2}NORM {2}the model norms/m)
  assert.deepEqual([dumpCortex(dest), readdirSync(dest, { recursive: true })], before)
  assert.equal(migrate('--src', src, '--dest', dest, '--dry-run', '--from-last').status, 2)
})

test('--max-errors stops early with 11, and --from-last with more goes on to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const calm = join(dir, 'calm')
  assert.equal(migrate('--src', src, '--dest', calm, '--max-errors', '5').status, 8)
  const dest = join(dir, 'dest')
  const args = ['--src', src, '--dest', dest, '--log-level', 'ERROR']
  const stopped = migrate(...args, '--max-errors', '4')
  assert.equal(stopped.status, 11)
  assert.equal(
    stopped.stderr,
    `error: Stopped after 5 errors: --max-errors allows 4\nhint: See them with: synapse-migrator errors ${dest}\n` +
      '      To continue, run the same command with --from-last and a larger --max-errors, or without\n',
  )
  assert.equal(migrate(...args, '--max-errors', '4', '--from-last').status, 11)
  assert.equal(migrate(...args, '--max-errors', '5', '--from-last').status, 8)
  assert.deepEqual(layerDigests(dest), layerDigests(calm))
  assert.equal(migrate(...args, '--max-errors', '0', '--from-last').status, 11)
  assert.equal(migrate(...args, '--dry-run', '--max-errors', '0').status, 11)
  assert.equal(migrate(...args, '--max-errors', '-1').status, 2)
})

function withoutTimes({ elapsedMs, isDryRun, ...summary }: MigrateSummary) {
  return summary
}
