import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ByteList, byteListOf } from '../../src/bytes/byte-list.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { partitionsPerTask, planPartitions, rangesOf } from '../../src/source/partitions.js'
import { buildSlab, type Row } from '../page/built-slab.js'
import { tempDir } from '../support/fixture.js'

const NAMES = ['*inet:fqdn', '.created', 'zone', '#foo.bar']
const dir = tempDir()

/** Rows of nodes; their buids are hashes, behind a prefix that may be common to all. */
function nodeRows(nodes: number, prefix = '', valueBytes = 40): Row[] {
  const rows = Array.from({ length: nodes }, (_, i) => {
    const buid = createHash('sha256').update(String(i)).digest()
    buid.write(prefix, 'hex')
    return NAMES.map((name) => ({ key: Buffer.concat([buid, Buffer.from(name)]), value: Buffer.alloc(valueBytes, i) }))
  })
  return rows.flat().sort((a, b) => Buffer.compare(a.key, b.key))
}

function withBybuid(rows: readonly Row[], check: (slab: SlabReader) => void): void {
  const path = join(dir, `${rows.length}-${Math.random()}`)
  buildSlab(path, { bybuid: { dupSort: false, rows } })
  const slab = SlabReader.open(path)
  check(slab)
  slab.close()
}

/** Counts the rows of each range, and makes sure that each row is in one of them and each node in one only. */
function rowsPerRange(slab: SlabReader, borders: ByteList): number[] {
  const db = slab.db('bybuid')
  assert.ok(db !== undefined)
  const seen = new Set<string>()
  const counts = rangesOf(borders, null).map(({ start, end }) => {
    const buids = new Set<string>()
    let count = 0
    for (const { key } of db.rows(start, end)) {
      buids.add(Buffer.from(key.subarray(0, 32)).toString('hex'))
      count++
    }
    for (const buid of buids) assert.ok(!seen.has(buid), `${buid} is in two ranges`)
    for (const buid of buids) seen.add(buid)
    return count
  })
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    db.entries,
  )
  return counts
}

function plan(slab: SlabReader, options: Parameters<typeof planPartitions>[2]): ByteList {
  const db = slab.db('bybuid')
  assert.ok(db !== undefined)
  return planPartitions([db], slab.pageSize, options)
}

for (const [what, prefix] of [
  ['buids as hashes give them', ''],
  ['buids that share their first ten bytes', 'aa'.repeat(10)],
  ['buids that start with the same byte', '00'],
] as const) {
  test(`planPartitions() cuts ${what} into parts of similar size, each node in one`, () => {
    withBybuid(nodeRows(8000, prefix), (slab) => {
      const borders = plan(slab, { workers: 2, memoryBytes: 1 << 30, partitionBytes: 32 << 10 })
      const counts = rowsPerRange(slab, borders)
      assert.ok(counts.length > 50, `${counts.length} partitions`)
      const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
      assert.ok(Math.max(...counts) < 2.5 * mean, counts.join(' '))
    })
  })
}

test('DbReader.separatorList() cuts a tree into as many parts whatever number of leaf pages its record claims', () => {
  withBybuid(nodeRows(8000), (slab) => {
    const db = slab.db('bybuid')
    assert.ok(db !== undefined)
    const honest = db.separatorList(400, 100)
    assert.equal(honest.ends.length, 99)
    for (const leafPages of [2 ** 40, 0]) {
      Object.assign(db.record, { leafPages })
      assert.deepEqual(db.separatorList(400, 100), honest)
    }
  })
})

test('planPartitions() makes more partitions of less memory, and enough for all workers', () => {
  withBybuid(nodeRows(9000, '', 120), (slab) => {
    const large = plan(slab, { workers: 2, memoryBytes: 1 << 30 })
    const small = plan(slab, { workers: 8, memoryBytes: 1 << 25 })
    assert.ok(large.ends.length >= 6 && large.ends.length < 12, `${large.ends.length}`)
    assert.ok(small.ends.length >= 30, `${small.ends.length}`)
    rowsPerRange(slab, large)
    rowsPerRange(slab, small)
  })
})

test('planPartitions() leaves small layers whole', () => {
  for (const nodes of [0, 1, 10, 100]) {
    withBybuid(nodeRows(nodes), (slab) => {
      assert.deepEqual(plan(slab, { workers: 4, memoryBytes: 1 << 30 }), byteListOf([]))
      for (const partitionBytes of [1, 100, 4096]) {
        const borders = plan(slab, { workers: 4, memoryBytes: 1 << 30, partitionBytes })
        rowsPerRange(slab, borders)
        assert.ok(borders.ends.length < Math.max(1, nodes))
      }
    })
  }
})

test('planPartitions() keeps a node with thousands of rows in one partition', () => {
  const rows = nodeRows(300)
  const buid = rows[601].key.subarray(0, 32)
  for (let i = 0; i < 5000; i++) {
    rows.push({ key: Buffer.concat([buid, Buffer.from(`#tag.${i}`)]), value: Buffer.alloc(30) })
  }
  rows.sort((a, b) => Buffer.compare(a.key, b.key))
  withBybuid(rows, (slab) => {
    const counts = rowsPerRange(slab, plan(slab, { workers: 2, memoryBytes: 1 << 30, partitionBytes: 4096 }))
    assert.ok(counts.some((count) => count > 5000))
  })
})

test('partitionsPerTask() gives a task about 8 MiB of small partitions, as many as are merged at once, and leaves work for all', () => {
  const MIB = 1 << 20
  const of = (bytes: number, partitionBytes: number, atOnce = 256, workers = 2, taskBytes?: number) =>
    partitionsPerTask(bytes, Math.ceil(bytes / partitionBytes), { workers, atOnce, taskBytes })
  assert.equal(of(1000 * MIB, 8 * MIB), 1)
  assert.equal(of(1000 * MIB, 20 * MIB), 1)
  assert.equal(of(1000 * MIB, MIB), 8)
  assert.equal(of(1000 * MIB, MIB / 64), 256)
  assert.deepEqual(
    [1 / 32, 0.036, 0.044, 0.045, 1.4, 1.5, 2.5, 2.9, 5.5, 6].map((mib) => of(1000 * MIB, mib * MIB)),
    [256, 256, 256, 128, 8, 4, 4, 2, 2, 1],
  )
  // What a task leaves goes to one merge.
  assert.deepEqual(
    [10, 7, 3, 2, 1].map((atOnce) => of(1000 * MIB, MIB, atOnce)),
    [10, 7, 3, 2, 1],
  )
  assert.equal(of(16 * MIB, MIB), 2)
  assert.equal(of(16 * MIB, MIB, 256, 8), 1)
  assert.equal(of(16 * MIB, MIB, 256, 8, 4 * MIB), 4)
  assert.equal(of(16 * MIB, MIB, 256, 2, 1), 1)
  assert.equal(partitionsPerTask(0, 1, { workers: 2, atOnce: 256, taskBytes: undefined }), 1)
})

test('rangesOf() makes half-open ranges that follow each other, up to an end', () => {
  const [a, b, c] = [1, 2, 3].map((n) => Uint8Array.of(n))
  assert.deepEqual(rangesOf(byteListOf([]), null), [{ start: null, end: null }])
  assert.deepEqual(rangesOf(byteListOf([]), b), [{ start: null, end: b }])
  assert.deepEqual(rangesOf(byteListOf([a, b, c]), null), [
    { start: null, end: a },
    { start: a, end: b },
    { start: b, end: c },
    { start: c, end: null },
  ])
  assert.deepEqual(rangesOf(byteListOf([a, b, c]), b), [
    { start: null, end: a },
    { start: a, end: b },
  ])
  assert.deepEqual(rangesOf(byteListOf([a]), new Uint8Array(0)), [{ start: null, end: new Uint8Array(0) }])
})
