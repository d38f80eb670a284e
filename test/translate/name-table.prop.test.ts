import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { itemOf } from '../../src/bytes/byte-list.js'
import { NumberSet } from '../../src/bytes/number-set.js'
import { NameTable } from '../../src/translate/name-table.js'

const name = fc.uint8Array({ minLength: 1, maxLength: 3 })

test('NameTable.order() and ranks() rank the names of one task after another, as a table of its own would', () => {
  fc.assert(
    fc.property(fc.array(fc.array(name, { maxLength: 80 }), { maxLength: 6 }), (partitions) => {
      const table = new NameTable()
      const used = new NumberSet()
      for (const names of partitions) {
        used.clear()
        const ids = names.map((bytes) => table.id(bytes))
        for (const id of ids) used.add(id)
        const inOrder = [...new Set(names.map((bytes) => Buffer.from(bytes).toString('latin1')))].sort()
        const textOf = (id: number) => Buffer.from(table.name(id)).toString('latin1')
        // Some of them first, as the runs of a task do.
        for (const some of [ids.slice(0, 9), ids.slice(5, 30), ids]) {
          const run = new NumberSet()
          for (const id of some) run.add(id)
          const place = table.order(run)
          const texts = [...run.numbers()].sort((a, b) => place[a] - place[b]).map(textOf)
          assert.deepEqual(texts, [...texts].sort())
        }
        const { rank, sorted } = table.ranks(used)
        assert.deepEqual(
          Array.from(sorted.ends, (_, place) => Buffer.from(itemOf(sorted, place)).toString('latin1')),
          inOrder,
        )
        assert.deepEqual(
          ids.map((id) => rank[id]),
          names.map((bytes) => inOrder.indexOf(Buffer.from(bytes).toString('latin1'))),
        )
      }
    }),
  )
})

test('NameTable.order() keeps the ranks of names that it has ranked, until there is no room between two of them', () => {
  const table = new NameTable()
  const rankOf = (...names: string[]) => {
    const used = new NumberSet()
    for (const name of names) used.add(table.id(Buffer.from(name)))
    const ranks = table.order(used)
    return names.map((name) => ranks[table.id(Buffer.from(name))])
  }
  const [a, c] = rankOf('a', 'c')
  const [b] = rankOf('b')
  assert.ok(a < b && b < c)
  assert.deepEqual([...rankOf('a', 'c'), table.sorts], [a, c, 0])
  // Each is between the last two: half of the gap is left.
  const names = ['b', ...Array.from({ length: 40 }, (_, i) => `b${'a'.repeat(40 - i)}`)]
  for (const name of names) rankOf(name)
  assert.ok(table.sorts > 0)
  const ranks = rankOf(...names.slice(1).sort())
  assert.deepEqual(
    ranks,
    [...new Set(ranks)].sort((x, y) => x - y),
  )
})

test('NumberSet has each number once, and none of before clear()', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(5000), { maxLength: 200 }), { maxLength: 5 }), (rounds) => {
      const set = new NumberSet()
      for (const numbers of rounds) {
        set.clear()
        for (const number of numbers) set.add(number)
        assert.deepEqual([...set.numbers()], [...new Set(numbers)])
        assert.equal(set.size, new Set(numbers).size)
      }
    }),
  )
})
