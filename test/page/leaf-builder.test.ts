import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { MigrationError } from '../../src/errors.js'
import { kernel } from '../../src/kernel/kernel.js'
import type { PageChunk } from '../../src/page/page-chunk.js'
import { walkSlab } from '../../src/page/page-walker.js'
import { overWire } from '../../src/thread/over-wire.js'
import { tempDir } from '../support/fixture.js'
import { buildSlab, buildStream, numbered, type Row, readRows, rowText } from './built-slab.js'

const dir = tempDir()
let slabs = 0

test('LeafBuilder makes the same pages of a small stream, whatever the thread made before', () => {
  const pagesOf = (rows: readonly Row[]) => {
    const pages: Buffer[] = []
    buildStream(rows, false, ({ bytes }) => pages.push(Buffer.from(bytes)))
    return Buffer.concat(pages)
  }
  const full = Array.from({ length: 60 }, (_, i) => ({ key: longKey(i), value: new Uint8Array(400).fill(0xee) }))
  const few = [{ key: Uint8Array.of(1), value: Uint8Array.of(2) }]
  const first = pagesOf(few)
  pagesOf(full)
  assert.deepEqual(pagesOf(few), first)
  assert.equal(first.includes(0xee), false)
})

test('LeafBuilder moves a value to overflow pages from a node size of 2039 on', () => {
  for (const keyBytes of [1, 8, 34, 511]) {
    const counts = (nodeBytes: number) => {
      const row = { key: new Uint8Array(keyBytes).fill(1), value: new Uint8Array(nodeBytes - 8 - keyBytes) }
      return walkBuilt([row], false).overflowPages
    }
    assert.deepEqual([counts(2038), counts(2039)], [0, 1])
  }
})

test('LeafBuilder gives a key a tree of values when its sub-page would make the node larger than 2038', () => {
  // 8 + 4 for the node and its key, 16 for the sub-page, 50 for each value of 40 bytes.
  const fits = Math.floor((2038 - 8 - 4 - 16) / 50)
  const shape = (count: number) => {
    const { subPages, subTrees } = walkBuilt(dupRows(count, 40), true)
    return { subPages, subTrees }
  }
  assert.deepEqual(shape(1), { subPages: 0, subTrees: 0 })
  assert.deepEqual(shape(2), { subPages: 1, subTrees: 0 })
  assert.deepEqual(shape(fits), { subPages: 1, subTrees: 0 })
  assert.deepEqual(shape(fits + 1), { subPages: 0, subTrees: 1 })
})

test('LeafBuilder puts 100,000 values of one key into a tree with branch pages of its own', () => {
  const rows = [...dupRows(100_000, 32), { key: Uint8Array.of(9), value: Uint8Array.of(1) }]
  const counts = walkBuilt(rows, true, 1 << 16)
  assert.equal(counts.entries, 100_001)
  assert.equal(counts.leafPages, 1)
  assert.ok(counts.subTreePages > 1000)
})

test('LeafBuilder never makes a branch page with a single child', () => {
  for (let count = 1; count < 120; count++) {
    const rows = Array.from({ length: count }, (_, i) => ({ key: longKey(i), value: new Uint8Array(1500) }))
    assert.equal(walkBuilt(rows, false).leafPages, Math.ceil(count / 2))
  }
})

test('LeafBuilder drops and counts the very same row of a dupsort db', () => {
  const rows = dupRows(3, 8)
  const twice = [rows[0], rows[0], rows[1], rows[1], rows[1], rows[2]]
  const summary = buildStream(twice, true, () => {})
  assert.deepEqual([summary.entries, summary.droppedDups], [3, 3])
})

test('LeafBuilder fills pages to the share asked for, and half-empty ones beyond it', () => {
  const small = Array.from({ length: 4000 }, (_, i) => ({ key: longKey(i).subarray(0, 40), value: new Uint8Array(60) }))
  const used = (rows: readonly Row[], fill: number) => {
    const { usedLeafBytes, leafPages } = walkBuilt(rows, false, undefined, fill)
    return usedLeafBytes / leafPages / 4096
  }
  for (const fill of [0.6, 0.7, 0.9, 1]) {
    assert.ok(used(small, fill) > fill - 0.04 && used(small, fill) <= fill + 0.01, `fill ${fill}`)
  }
  // Two nodes of 1,900 bytes exceed 0.9; one alone would waste half of each page.
  const large = Array.from({ length: 100 }, (_, i) => ({ key: longKey(i), value: new Uint8Array(1380) }))
  assert.ok(used(large, 0.9) > 0.9)
})

test('LeafBuilder refuses rows out of order, equal keys of a plain db, and sizes that LMDB refuses', () => {
  const row = (key: number[], value: number[] = [1]) => ({ key: Uint8Array.from(key), value: Uint8Array.from(value) })
  const refuses = (rows: readonly Row[], dupSort: boolean, message: RegExp) =>
    assert.throws(
      () => buildStream(rows, dupSort, () => {}),
      (err) => err instanceof MigrationError && err.code === 'ERR_INTERNAL' && message.test(err.message),
    )
  refuses([row([2]), row([1])], false, /key 01 is out of order, last key is 02/)
  refuses([row([1, 2]), row([1])], true, /key 01 is out of order/)
  refuses([row([1]), row([1])], false, /key 01 is out of order/)
  refuses([row([1], [2]), row([1], [1])], true, /duplicate 01 is out of order/)
  refuses([row([1], [1]), row([1], [3]), row([1], [2])], true, /duplicate 02 is out of order/)
  refuses([row([])], false, /a key has 0 bytes, expected 1 to 511/)
  refuses([{ key: new Uint8Array(512), value: new Uint8Array(1) }], false, /a key has 512 bytes/)
  refuses([{ key: new Uint8Array(1), value: new Uint8Array(512) }], true, /a duplicate has 512 bytes/)
  refuses([row([1], [])], true, /a duplicate has 0 bytes/)
})

test('LeafBuilder frees its memory in the kernel when it has finished, and when its task has failed, and others go on', async () => {
  const pages = () => {
    const all: Buffer[] = []
    buildStream(numbered(0, 300), false, ({ bytes }) => all.push(Buffer.from(bytes)), { chunkBytes: 4096 })
    return Buffer.concat(all)
  }
  const dups = dupRows(1000, 40)
  const failing = {
    'a row is out of order': overWire(() => buildStream([...dups, dups[0]], true, () => {})),
    'the writer is gone': overWire(() =>
      buildStream(dups, true, () => {
        throw new Error('gone')
      }),
    ),
  }
  const wanted = pages()
  for (const [what, task] of Object.entries(failing)) {
    assert.ok('error' in (await task(undefined)), what)
    const { length } = kernel().mem
    for (let i = 0; i < 100; i++) await task(undefined)
    for (let i = 0; i < 100; i++) buildStream(dups, true, () => {})
    assert.deepEqual(pages(), wanted, what)
    assert.equal(kernel().mem.length, length, what)
  }
  assert.equal(kernel().sinks.size, 0)
})

test('LeafBuilder hands on chunks of the size asked for, and a larger one for a larger value', () => {
  const chunks: PageChunk[] = []
  const rows = Array.from({ length: 500 }, (_, i) => ({
    key: longKey(i),
    value: new Uint8Array(i === 250 ? 50_000 : 10),
  }))
  const { pageCount } = buildStream(rows, false, (chunk) => chunks.push(chunk), { chunkBytes: 16_384 })
  assert.ok(chunks.every((chunk) => chunk.pageCount <= 4 || chunk.pageCount === 13))
  assert.equal(chunks.filter((chunk) => chunk.pageCount === 13).length, 1)
  assert.equal(
    chunks.reduce((sum, chunk) => sum + chunk.pageCount, 0),
    pageCount,
  )
  let next = 0
  for (const chunk of chunks) {
    assert.equal(chunk.firstPage, next)
    next += chunk.pageCount
  }
})

test('LeafBuilder leaves no bytes of other rows in the gaps of its pages', () => {
  const rows = Array.from({ length: 3000 }, (_, i) => ({
    key: longKey(i % 300 === 0 ? i : i - (i % 300)).subarray(0, 500),
    value: Uint8Array.from({ length: 1 + (i % 90) + 8 }, (_, b) => (b < 4 ? (i % 300) >> (8 * (3 - b)) : 0xee)),
  }))
  buildStream(rows, true, ({ bytes, pageCount }) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let page = 0; page < pageCount * 4096; page += 4096) {
      const [lower, upper] = [view.getUint16(page + 12, true), view.getUint16(page + 14, true)]
      assert.ok(bytes.subarray(page + lower, page + upper).every((byte) => byte === 0))
    }
  })
})

function walkBuilt(rows: readonly Row[], dupSort: boolean, chunkBytes = 1 << 20, fill = 0.9) {
  const path = join(dir, String(slabs++))
  buildSlab(path, { rows: { dupSort, rows } }, { chunkBytes, fill })
  const walk = walkSlab(path)
  assert.deepEqual(walk.complaints, [])
  assert.deepEqual(readRows(path, 'rows'), rows.map(rowText))
  const counts = walk.dbs.get('rows')
  assert.ok(counts !== undefined)
  return counts
}

function dupRows(count: number, size: number): Row[] {
  return Array.from({ length: count }, (_, i) => {
    const value = new Uint8Array(size)
    new DataView(value.buffer).setUint32(0, i)
    return { key: Uint8Array.of(1, 2, 3, 4), value }
  })
}

/** 511 bytes that differ in the last ones only. */
function longKey(index: number): Uint8Array {
  const key = new Uint8Array(511).fill(7)
  new DataView(key.buffer).setUint32(30, index)
  return key
}
