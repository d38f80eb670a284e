import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MigrationError } from '../../src/errors.js'
import { readSettled } from '../../src/slab/read-settled.js'
import { tempDir, unpack } from '../support/cortex.js'

test('readSettled() reads again when the slab changed meanwhile, and reports damage at once', (t) => {
  const path = join(unpack('bad/intact/src.tar.gz', tempDir(t)), 'slabs', 'cell.lmdb')
  let reads = 0
  const names = readSettled(path, (slab) => {
    reads++
    if (reads < 3) commitNothing(join(path, 'data.mdb'))
    return slab.dbNames()
  })
  assert.deepEqual([reads, names.includes('hive')], [3, true])
  reads = 0
  const damaged = () => {
    reads++
    throw new MigrationError('ERR_SLAB_CORRUPT', 'damaged')
  }
  assert.throws(() => readSettled(path, damaged), { code: 'ERR_SLAB_CORRUPT' })
  assert.equal(reads, 1)
})

/** Makes the older meta page the newer one, with the same content: what a commit of nothing would leave. */
function commitNothing(file: string): void {
  const bytes = readFileSync(file)
  const meta = (page: number) => page * 4096 + 16
  const txn = (page: number) => bytes.readBigUInt64LE(meta(page) + 128)
  const [older, newer] = txn(0) < txn(1) ? [0, 1] : [1, 0]
  const next = txn(newer) + 1n
  bytes.copy(bytes, meta(older), meta(newer), meta(newer) + 136)
  bytes.writeBigUInt64LE(next, meta(older) + 128)
  writeFileSync(file, bytes)
}
