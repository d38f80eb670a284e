import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { walkSlab } from '../../src/page/page-walker.js'
import { Slab } from '../../src/slab/slab.js'
import { tempDir } from '../support/fixture.js'
import { asStored, type BuildOptions, buildSlab, type DbRows, type Row, readRows, rowText } from './built-slab.js'

const MAP_BYTES = 1 << 27
const dir = tempDir()

test('LeafBuilder makes of random rows what LMDB holds after putting them', async () => {
  const dbs = fc.record({ plain: plainRows, dups: dupRows, few: fewKeys, empty: emptyDb })
  await fc.assert(
    fc.asyncProperty(dbs, buildOptions, async (made, options) => {
      const stored = storedDbs(made)
      const path = join(dir, randomUUID())
      buildSlab(path, stored, options)
      await matchesLmdb(path, stored)
    }),
    { numRuns: 60 },
  )
})

/** Sizes around every threshold: of keys, of nodes that move to overflow pages, of values that fill such pages. */
const keySize = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(1, 7, 8, 9, 255, 256, 509, 510, 511))
const valueSize = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 120 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1490, max: 2040 }) },
  { weight: 1, arbitrary: fc.constantFrom(4079, 4080, 4081, 8175, 8176, 8177, 70_000) },
)
const dupSize = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(1, 2, 3, 4, 509, 510, 511))

const seed = fc.integer({ min: 0, max: 0xffff })
const plainRows: fc.Arbitrary<DbRows> = fc
  .array(fc.tuple(seed, keySize, seed, valueSize), { maxLength: 300 })
  .map((rows) => ({ dupSort: false, rows: rows.map(([k, ks, v, vs]) => ({ key: bytes(k, ks), value: bytes(v, vs) })) }))
const dupRows: fc.Arbitrary<DbRows> = fc
  .array(fc.tuple(seed, keySize, seed, dupSize), { maxLength: 300 })
  .map((rows) => ({ dupSort: true, rows: rows.map(([k, ks, v, vs]) => ({ key: bytes(k, ks), value: bytes(v, vs) })) }))
const fewKeys: fc.Arbitrary<DbRows> = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 3 }), keySize, fc.integer({ min: 1, max: 400 }), dupSize), { maxLength: 4 })
  .map((keys) => ({
    dupSort: true,
    rows: keys.flatMap(([k, ks, count, vs]) =>
      Array.from({ length: count }, (_, i): Row => ({ key: bytes(k, ks), value: bytes(i, Math.max(2, vs)) })),
    ),
  }))
const emptyDb = fc.boolean().map((dupSort): DbRows => ({ dupSort, rows: [] }))
const buildOptions: fc.Arbitrary<BuildOptions> = fc.record({
  fill: fc.constantFrom(0.5, 0.7, 0.9, 1),
  chunkBytes: fc.constantFrom(4096, 16_384, 1 << 20),
  parts: fc.constantFrom(1, 2, 5),
})

/** Bytes that share long prefixes, as real rows do. */
function bytes(value: number, size: number): Uint8Array {
  const out = new Uint8Array(size).fill(value & 3)
  if (size > 0) out[size - 1] = value & 0xff
  if (size > 1) out[size - 2] = value >> 8
  return out
}

function storedDbs(dbs: Record<string, DbRows>): Record<string, DbRows> {
  return Object.fromEntries(
    Object.entries(dbs).map(([name, db]) => [name, { dupSort: db.dupSort, rows: asStored(db) }]),
  )
}

/** The file is sound, both readers see the rows, and page counts are those of a file that LMDB made of the same rows. */
async function matchesLmdb(path: string, dbs: Record<string, DbRows>): Promise<void> {
  const walk = walkSlab(path)
  assert.deepEqual(walk.complaints, [])
  assert.equal(walk.freePages, 0)
  const reference = `${path}-lmdb`
  const made = await Slab.open(reference, { mapBytes: MAP_BYTES })
  for (const [name, { dupSort, rows }] of Object.entries(dbs)) {
    const db = made.db(name, { dupSort })
    made.write(() => {
      for (const { key, value } of rows) db.put(key, value)
    })
  }
  await made.close()
  const theirs = walkSlab(reference)
  assert.deepEqual(theirs.complaints, [])
  const built = await Slab.open(path, { mapBytes: MAP_BYTES })
  for (const [name, { dupSort, rows }] of Object.entries(dbs)) {
    const want = rows.map(rowText)
    assert.deepEqual(readRows(path, name), want)
    assert.deepEqual([...built.db(name, { dupSort }).rows()].map(rowText), want)
    const [ours, lmdb] = [walk.dbs.get(name), theirs.dbs.get(name)]
    assert.equal(ours?.entries, want.length)
    assert.deepEqual(
      [ours?.overflowPages, ours?.subPages, ours?.subTrees],
      [lmdb?.overflowPages, lmdb?.subPages, lmdb?.subTrees],
    )
  }
  await built.close()
}
