import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { layerDigests } from '../support/row-digest.js'

/** What compiles the binding before anything is migrated, and what looks for a place that can be written. */
const MAY_USE_TMPDIR = ['file/scratch-dir.ts', 'slab/compile-binding.ts']

test('no command needs a directory for temporary files: it may be missing, full or read-only', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const [dest, calm] = [join(dir, 'dest'), join(dir, 'calm')]
  const where = ['--src', src, '--dest', dest]
  assert.equal(synapseMigrator(['migrate', '--src', src, '--dest', calm]).status, 8)
  // Not even root can make anything in these two.
  for (const TMPDIR of ['/nonexistent', '/proc']) {
    for (const [status, ...args] of [
      [0, 'preflight', ...where],
      [8, 'migrate', ...where, '--dry-run'],
    ] as [number, ...string[]][]) {
      const ended = synapseMigrator(args, { TMPDIR })
      assert.equal(ended.status, status, `${args[0]} with TMPDIR=${TMPDIR}: ${ended.stderr}`)
    }
  }
  for (const [status, ...args] of [
    [8, 'migrate', ...where],
    [0, 'migrate', ...where, '--form-counts'],
    [0, 'migrate', ...where, '--dump-errors'],
    [0, 'verify', ...where],
    [0, 'inspect', dest],
    [0, 'errors', dest],
    [0, 'checkpoint', 'show', dest],
  ] as [number, ...string[]][]) {
    const ended = synapseMigrator(args, { TMPDIR: '/nonexistent' })
    assert.equal(ended.status, status, `${args[0]}: ${ended.stderr}`)
  }
  assert.deepEqual(layerDigests(dest), layerDigests(calm))
})

test("nothing in src asks for the system's directory for temporary files, but what compiles the binding", () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  assert.ok(files.length > 100)
  const users = files.filter((file) => /\btmpdir\(/.test(readFileSync(join('src', file), 'utf8')))
  assert.deepEqual(users.sort(), MAY_USE_TMPDIR)
})
