import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { copyCortex, migrate, tempDir, unpack } from '../support/cortex.js'
import { del, plant, rowsOf } from '../support/plant.js'
import { verify } from '../support/verify.js'

/** The demo Cortex and what becomes of it, made once; tests change copies. */
const demo = (() => {
  const dir = tempDir({ after })
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '2').status, 8)
  return { src, dest }
})()

test('verify misses the numbers of queues', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const slab = join(dest, 'slabs', 'queues.lmdb')
  const dbs = ['byts2abrv', 'abrv2byts'].map((name) => `cortex:queue:abrv:${name}`)
  const numbers = dbs.flatMap((db) => rowsOf(slab, db).map(({ key }) => del(db, key)))
  assert.ok(numbers.length > 0)
  plant(slab, numbers)
  const report = verify(demo.src, dest, 7)
  assert.ok(report.differences.length > 0)
  assert.ok(report.differences.every(({ kind, place }) => kind === 'missing' && place === 'queues.lmdb'))
})
