import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { MigrationError } from '../../src/errors.js'
import { makeScratchDir } from '../../src/file/scratch-dir.js'
import { tempDir } from '../support/cortex.js'

test('makeScratchDir() takes the first place that can be written: the wanted one, the usual ones, beside the destination', (t) => {
  const dir = tempDir(t)
  const [wanted, usual] = [join(dir, 'wanted'), join(dir, 'usual')]
  for (const place of [wanted, usual]) mkdirSync(place)
  const parentOf = (...args: Parameters<typeof makeScratchDir>) => {
    const made = makeScratchDir(...args)
    assert.deepEqual(readdirSync(made), [])
    rmSync(made, { recursive: true })
    return dirname(made)
  }
  assert.equal(parentOf(wanted, null, [usual]), wanted)
  assert.equal(parentOf(null, null, [usual]), usual)
  assert.equal(parentOf(join(dir, 'none'), null, ['/nonexistent', usual]), usual)
  // Not even root can make anything in /proc.
  assert.equal(parentOf(null, join(dir, 'not', 'yet', 'there'), ['/nonexistent', '/proc']), dir)
})

test('makeScratchDir() says what it tried, and names TMPDIR, when nothing can be written', () => {
  assert.throws(
    () => makeScratchDir(null, null, ['/nonexistent', '/proc']),
    (error) => {
      assert.ok(error instanceof MigrationError)
      assert.match(error.message, /^Cannot make a directory for temporary files: .*\/nonexistent.*; .*\/proc/)
      assert.equal(error.hint, 'Set TMPDIR to a directory that can be written and has room')
      return true
    },
  )
})
