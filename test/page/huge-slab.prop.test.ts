import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LeafSummary } from '../../src/page/page-chunk.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { SlabFileBuilder } from '../../src/page/slab-file-builder.js'
import { Slab } from '../../src/slab/slab.js'
import { buildStream, chunksOf, numbered, type Row, readRows, rowText, sorted } from './built-slab.js'

/** A file system whose files may be longer than 16 TiB, which is where those of ext4 end; holes take no memory. */
const ROOM = '/dev/shm'
const PAGE = 4096

/** Keys with many duplicates: sub-pages, and trees of their own. */
function dupRows(count: number): Row[] {
  return sorted(
    Array.from({ length: count }, (_, i) => {
      const value = Buffer.alloc(32)
      value.writeUInt32BE(Math.imul(i, 0x9e3779b1) >>> 0)
      return { key: Buffer.from([i % 7]), value }
    }),
  )
}

/** A slab of which all pages before `first` but one belong to a stream that was placed before: they are a hole in the file. */
function hugeSlab(path: string, first: number, dbs: { rows: readonly Row[]; dups: readonly Row[] }): void {
  const low = SlabFileBuilder.create(path)
  const head = chunksOf(numbered(0, 3))
  for (const chunk of head.chunks) low.place(0, chunk)
  low.sync()
  const state = low.stateOf(0)
  low.close()
  truncateSync(join(path, 'data.mdb'), first * PAGE)
  const file = SlabFileBuilder.resume(path, [{ ...state, extents: [{ rel: 0, first: 2, count: first - 2 }] }])
  const summary: LeafSummary = { ...head.summary, pageCount: first - 2, overflowPages: first - 3 }
  file.finishDb('head', false, [{ stream: 0, summary }])
  for (const [stream, [name, dupSort]] of (
    [
      ['rows', false],
      ['dups', true],
    ] as const
  ).entries()) {
    const rows = buildStream(dbs[name], dupSort, (chunk) => file.place(1 + stream, chunk), { chunkBytes: 8192 })
    file.keep(1 + stream, rows)
    file.finishDb(name, dupSort, file.keptParts([1 + stream]))
  }
  file.finish()
}

/** All rows as LMDB itself reads them. */
async function lmdbRows(path: string, mapBytes: number): Promise<string[][]> {
  const slab = await Slab.open(path, { mapBytes })
  try {
    const dbs = [slab.db('head'), slab.db('rows'), slab.db('dups', { dupSort: true })]
    return dbs.map((db) => [...db.rows()].map(rowText))
  } finally {
    await slab.close()
  }
}

const border = fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 33, 2 ** 36)
const firstPage = fc.tuple(border, fc.integer({ min: -40, max: 40 })).map(([at, by]) => at + by)

test('slabs of more than 2^32 pages, in files of more than 2^44 bytes, hold what was placed', async (t) => {
  const dir = mkdtempSync(join(ROOM, 'huge-slab-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  let slabs = 0
  const count = fc.integer({ min: 1, max: 1500 })
  fc.assert(
    fc.property(firstPage, count, count, (first, rows, dups) => {
      const path = join(dir, String(slabs++))
      const dbs = { rows: numbered(0, rows, (i) => (i % 50 === 7 ? 20_000 : 40)), dups: dupRows(dups) }
      hugeSlab(path, first, dbs)
      const pages = statSync(join(path, 'data.mdb')).size / PAGE
      assert.ok(pages > first)
      for (const [name, list] of [
        ['head', numbered(0, 3)],
        ['rows', dbs.rows],
        ['dups', dbs.dups],
      ] as const) {
        assert.deepEqual(readRows(path, name), list.map(rowText), `${name} from page ${first} on`)
      }
      const slab = SlabReader.open(path)
      assert.equal(slab.lastPage + 1, pages)
      slab.close()
      rmSync(path, { recursive: true })
    }),
    { numRuns: 40, seed: 6 },
  )
})

test('LMDB reads slabs of which pages lie on both sides of number 2^32', async (t) => {
  const dir = mkdtempSync(join(ROOM, 'huge-slab-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const rows = numbered(0, 1500, (i) => (i % 50 === 7 ? 20_000 : 40))
  const dups = dupRows(1000)
  // Address space ends before a fourth one: LMDB maps each as a whole.
  for (const first of [2 ** 32 - 100, 2 ** 32 + 5]) {
    const path = join(dir, `${first}.lmdb`)
    hugeSlab(path, first, { rows, dups })
    const { size } = statSync(join(path, 'data.mdb'))
    assert.ok(size > 2 ** 44)
    const found = await lmdbRows(path, size)
    assert.deepEqual(
      found,
      [numbered(0, 3), rows, dups].map((list) => list.map(rowText)),
    )
  }
})
