import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { plantLock } from '../support/lock.js'

test('preflight says that a good Cortex would be migrated, and writes nothing', (t) => {
  const src = unpack('demo-cortex.tar.gz', tempDir(t))
  const dest = join(tempDir(t), 'dest')
  const { status, stdout, stderr } = synapseMigrator(['preflight', '--src', src, '--dest', dest])
  assert.deepEqual([status, stderr], [0, ''])
  const lines = stdout.trim().split('\n')
  assert.equal(lines[0], `Preflight of a migration of ${src} to ${dest}: 4 layers`)
  assert.match(lines[1], /^warning: Layer 0b4eb4d9fb9d979464a52b2b803afb03 keeps a feed position/)
  assert.match(lines[2], /^ {2}hint: Make whatever feeds this Cortex continue from there$/)
  assert.equal(lines.at(-1), 'It would start: 0 problems, 1 warning')
  assert.equal(existsSync(dest), false)
})

test('preflight lists all problems with their hints and ends with 4', (t) => {
  const src = unpack('bad/remotelayer/src.tar.gz', tempDir(t))
  const { status, stdout } = synapseMigrator(['preflight', '--src', src, '--dest', join(src, 'dest')])
  assert.equal(status, 4)
  assert.match(stdout, /^problem: Cannot migrate .*: the destination lies inside the source\n {2}hint: Give --dest/m)
  assert.match(stdout, /^problem: e{32} is a remote layer .*\n {2}hint: Remove layer/m)
  assert.match(stdout, /^It would be refused: 2 problems, 0 warnings$/m)
})

test('preflight --json prints one document', (t) => {
  const src = unpack('bad/remotelayer/src.tar.gz', tempDir(t))
  const { status, stdout, stderr } = synapseMigrator([
    'preflight',
    '--src',
    src,
    '--dest',
    join(tempDir(t), 'd'),
    '--json',
  ])
  const found = JSON.parse(stdout)
  assert.deepEqual([status, stderr, found.schema_version, found.ok], [4, '', 1, false])
  assert.deepEqual(found.problems, [
    {
      text: `${'e'.repeat(32)} is a remote layer - it must be unconfigured to proceed with migration`,
      hint: `Remove layer ${'e'.repeat(32)} from its views in the 0.1.x Cortex, or migrate the Cortex that it lives in`,
    },
  ])
  assert.ok(Array.isArray(found.warnings) && Array.isArray(found.notes) && Array.isArray(found.layers))
})

test('preflight takes the options of migrate, and ends with 5 where there is no Cortex', (t) => {
  const src = unpack('bad/orphan-layerdir/src.tar.gz', tempDir(t))
  const dest = join(tempDir(t), 'dest')
  const layers = (...args: string[]) =>
    JSON.parse(synapseMigrator(['preflight', '--src', src, '--dest', dest, '--json', ...args]).stdout).layers.length
  assert.deepEqual([layers(), layers('--orphan-layers'), layers('--orphan', '--workers', '3')], [1, 2, 2])
  const none = synapseMigrator(['preflight', '--src', join(src, 'nope'), '--dest', dest])
  assert.deepEqual([none.status, none.stdout], [5, ''])
  assert.match(none.stderr, /^error: Cannot read source ".*nope": it does not exist\nhint: /)
})

test('preflight tells of a migration that is running, with all other problems', (t) => {
  const src = unpack('bad/remotelayer/src.tar.gz', tempDir(t))
  const dest = tempDir(t)
  plantLock(join(dest, 'migration', 'run.lock'))
  const { status, stdout } = synapseMigrator(['preflight', '--src', src, '--dest', dest])
  assert.equal(status, 4)
  assert.match(stdout, new RegExp(`^problem: Cannot migrate to ".*": process ${process.pid} is migrating to it$`, 'm'))
  assert.match(stdout, /^It would be refused: 2 problems, 0 warnings$/m)
})
