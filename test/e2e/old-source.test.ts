import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inconsistencies } from '../support/consistency.js'
import { migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'

for (const name of ['before-0.1.0', '0.1.0', '0.1.31', '0.1.51']) {
  test(`migrate_020 migrates a Cortex of ${name} with all of its history, and verify finds no difference`, (t) => {
    const dir = tempDir(t)
    const src = unpack(`old/${name}.tar.gz`, join(dir, 'src'))
    const dest = join(dir, 'dest')
    const { status, stdout, stderr } = migrate('--src', src, '--dest', dest, '-v')
    assert.equal(status, 0, stderr + stdout)
    assert.match(stderr, /The source is from a release before 0\.1\.58/)
    assert.ok(stderr.includes(`Starting cortex dirn migration: ${src} to ${dest}`), stderr)
    assert.ok(stderr.includes(`Completed dirn copy from ${src} to ${dest}`), stderr)
    assert.match(stdout, /(\d+) of \1 nodes.*(\d+) of \2 splices/)
    assert.match(stdout, /no errors/)
    assert.deepEqual(inconsistencies(dumpCortex(dest)), [])
    const verified = synapseMigrator(['verify', '--src', src, '--dest', dest])
    assert.equal(verified.status, 0, verified.stdout + verified.stderr)
    assert.match(verified.stdout, /No differences/)
    assert.ok(!existsSync(join(dest, 'migration', 'source')))
  })
}

test('inspect and preflight say what of an old Cortex is changed', (t) => {
  const dir = tempDir(t)
  const src = unpack('old/before-0.1.0.tar.gz', join(dir, 'src'))
  assert.match(synapseMigrator(['inspect', src]).stdout, /older than 0\.1\.58.*\n.*\n.*seen to meta:seen/)
  const { status, stdout } = synapseMigrator(['preflight', '--src', src, '--dest', join(dir, 'dest')])
  assert.equal(status, 0, stdout)
  assert.match(stdout, /note: .*seen to meta:seen/)
})
