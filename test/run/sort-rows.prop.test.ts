import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { writeSorted } from '../../src/run/sort-rows.js'
import { randomOf } from '../support/random.js'
import { anyIndex, buidsOf, indexRows, type TestRow } from './index-rows.js'

const GROUPS = 4

/** Sorts with a comparator; equal rows stay in their order. */
function expected(list: readonly TestRow[], rankOf: Int32Array): number[] {
  const order = list.map((_, i) => i)
  return order.sort((x, y) => {
    const byRank = rankOf[list[x].group] - rankOf[list[y].group]
    return byRank || Buffer.compare(list[x].index, list[y].index) || x - y
  })
}

/** The owners of the rows as they are written, and how many rows each group has. */
function written(list: readonly TestRow[], groups: Int32Array): { owners: number[]; counts: number[] } {
  const owners: number[] = []
  const counts: number[] = []
  const rows = (bytes: Uint8Array, count: number) => {
    counts[counts.length - 1] += count
    const buf = Buffer.from(bytes)
    for (let at = 0; at < buf.length; ) {
      const end = at + 2 + buf.readUInt16LE(at)
      const owner = buf.readUInt32BE(end)
      assert.deepEqual(buf.subarray(at + 2, end), Buffer.from(list[owner].index))
      owners.push(owner)
      at = end + 32
    }
  }
  const to = { beginGroup: () => counts.push(0), endGroup: () => {}, entry: () => {}, rows }
  writeSorted(indexRows(list), groups, buidsOf(list.length), to, 1 << 16)
  return { owners, counts }
}

/** @param list the owner of each is its number */
function check(list: readonly TestRow[], rankOf: Int32Array): void {
  const groups = Int32Array.from(rankOf, (_, rank) => rankOf.indexOf(rank))
  const { owners, counts } = written(list, groups)
  assert.deepEqual(owners, expected(list, rankOf))
  const countOf = (rank: number) => list.filter(({ group }) => rankOf[group] === rank).length
  assert.deepEqual(counts, [...rankOf.keys()].map(countOf))
}

const row = fc.record({ group: fc.integer({ min: 0, max: GROUPS - 1 }), index: anyIndex })
const ranks = fc.shuffledSubarray([0, 1, 2, 3], { minLength: GROUPS }).map((list) => Int32Array.from(list))

test('writeSorted() sorts as a comparator does and keeps equal rows in their order', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 300, size: 'max' }), ranks, (list, rankOf) => {
      check(
        list.map((one, owner) => ({ ...one, owner })),
        rankOf,
      )
    }),
    { numRuns: 300, seed: 1 },
  )
})

test('writeSorted() sorts thousands of rows whose keys tie for many windows', () => {
  for (const [seed, length] of [0, 1, 4, 5, 6, 10, 11, 40, 300, 503].entries()) {
    const random = randomOf(seed)
    const list = Array.from({ length: 3000 }, (_, owner) => {
      const index = Buffer.alloc(random(4) === 0 ? random(length + 1) : length)
      for (let i = 0; i < 3 && index.length > 0; i++) index[random(index.length)] = random(3)
      return { group: random(GROUPS), owner, index }
    })
    check(list, Int32Array.of(2, 0, 3, 1))
  }
})

test('writeSorted() sorts rows that lie in order already, in reverse order, and that are all equal', () => {
  const number = (value: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32BE(value, 4)
    return bytes
  }
  for (const value of [(i: number) => i, (i: number) => 9999 - i, () => 5]) {
    check(
      Array.from({ length: 9999 }, (_, owner) => ({ group: 0, owner, index: number(value(owner)) })),
      Int32Array.of(0),
    )
  }
})

test('writeSorted() takes no rows at all', () => {
  assert.deepEqual(written([], Int32Array.of(0, 1)), { owners: [], counts: [0, 0] })
})
