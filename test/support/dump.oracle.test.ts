import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { compareDumps, report } from './compare.js'
import { migrateByReference, python, tempDir, unpack } from './cortex.js'
import { dumpCortex, readLines } from './dump.js'

test('dumpCortex() writes the lines that py-lmdb and msgpack-python give', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  migrateByReference(src, dest)
  for (const cortex of [src, dest]) {
    const path = join(dir, 'dump.jsonl.gz')
    python('rc18', 'dump.py', cortex, path)
    const lines = readLines(path)
    assert.ok(lines.length > 5000)
    assert.deepEqual(dumpCortex(cortex), lines)
  }
})

test('the reference gives the same rows each time', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const [a, b] = ['a', 'b'].map((name) => join(dir, name))
  migrateByReference(src, a)
  migrateByReference(src, b)
  const { unexplained } = compareDumps(dumpCortex(a), dumpCortex(b))
  assert.equal(unexplained.length, 0, report(unexplained))
})
