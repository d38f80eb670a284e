import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { kernel } from '../../src/kernel/kernel.js'
import { randomOf } from '../support/random.js'
import { anyIndex, buidsOf, indexRows, type TestRow } from './index-rows.js'
import { rowsWritten } from './run-rows.js'

const GROUPS = 4

/** Sorts with a comparator; equal rows stay in their order. */
function expected(list: readonly TestRow[], rankOf: Int32Array): number[] {
  const order = list.map((_, i) => i)
  return order.sort((x, y) => {
    const byRank = rankOf[list[x].group] - rankOf[list[y].group]
    return byRank || Buffer.compare(list[x].index, list[y].index) || x - y
  })
}

/** The owners of the rows as they are written, and each group with how many rows it has. */
function written(list: readonly TestRow[], rankOf: Int32Array) {
  const indexes = indexRows(list, { first: rankOf, second: null })
  const buids = buidsOf(list.length)
  const write = (out: number, section: number) => kernel().calls.writeSection(indexes.at, buids, out, section, 1 << 16)
  const { rows, section } = rowsWritten(write)
  for (const { index, owner } of rows) assert.deepEqual(index, Buffer.from(list[owner].index))
  return { owners: rows.map(({ owner }) => owner), groups: [...section.a], counts: [...section.counts] }
}

/** @param list the owner of each is its number */
function check(list: readonly TestRow[], rankOf: Int32Array): void {
  const { owners, groups, counts } = written(list, rankOf)
  assert.deepEqual(owners, expected(list, rankOf))
  const used = [...new Set(list.map(({ group }) => group))].sort((x, y) => rankOf[x] - rankOf[y])
  assert.deepEqual(groups, used)
  assert.deepEqual(
    counts,
    used.map((group) => list.filter((one) => one.group === group).length),
  )
}

const row = fc.record({ group: fc.integer({ min: 0, max: GROUPS - 1 }), index: anyIndex })
const ranks = fc.shuffledSubarray([0, 1, 2, 3], { minLength: GROUPS }).map((list) => Int32Array.from(list))

test('writeSection() sorts as a comparator does and keeps equal rows in their order', () => {
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

test('writeSection() sorts thousands of rows whose keys tie for many windows', () => {
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

test('writeSection() sorts rows that lie in order already, in reverse order, and that are all equal', () => {
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

test('writeSection() takes no rows at all', () => {
  assert.deepEqual(written([], Int32Array.of(0, 1)), { owners: [], groups: [], counts: [] })
})

test('writeSection() writes nothing when it does not know the order of all groups, and all of it once it does', () => {
  const rankOf = Int32Array.from({ length: 5000 }, (_, group) => 4999 - group)
  const known = [3, 1, 3].map((group, owner) => ({ group, owner, index: Uint8Array.of(owner) }))
  for (const group of [2, 4999]) {
    const indexes = indexRows(known, { first: rankOf, second: null })
    indexes.add(group, 3, Uint8Array.of(3), 0, 1)
    indexes.add(1, 4, Uint8Array.of(4), 0, 1)
    const write = () => {
      let isWritten = -1
      const { rows, section } = rowsWritten((out, notes) => {
        isWritten = kernel().calls.writeSection(indexes.at, buidsOf(5), out, notes, 1 << 16)
      })
      return { isWritten, owners: rows.map(({ owner }) => owner), groups: [...section.a] }
    }
    assert.deepEqual(write(), { isWritten: 0, owners: [], groups: [] })
    const fresh = indexes.freshGroups()
    assert.deepEqual([...fresh], [group])
    indexes.rank(fresh, { first: rankOf, second: null })
    const owners = group === 2 ? [0, 2, 3, 1, 4] : [3, 0, 2, 1, 4]
    assert.deepEqual(write(), { isWritten: 1, owners, groups: group === 2 ? [3, 2, 1] : [4999, 3, 1] })
  }
})
