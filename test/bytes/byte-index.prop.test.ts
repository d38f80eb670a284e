import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteIndex } from '../../src/bytes/byte-index.js'
import { type ByteList, byteListOf, itemOf, sortByBytes } from '../../src/bytes/byte-list.js'
import { PairIndex } from '../../src/bytes/pair-index.js'

const strings = fc.array(fc.uint8Array({ maxLength: 6, max: 3 }), { maxLength: 300, size: 'max' })

function itemsOf(list: ByteList): Buffer[] {
  return Array.from(list.ends, (_, i) => Buffer.from(itemOf(list, i)))
}

test('ByteIndex numbers distinct strings as they come, and finds them in any buffer', () => {
  fc.assert(
    fc.property(strings, (list) => {
      const index = new ByteIndex()
      const known = new Map<string, number>()
      for (const item of list) {
        const within = Buffer.concat([Buffer.of(1, 2), item, Buffer.of(3)])
        const hex = Buffer.from(item).toString('hex')
        const wanted = known.get(hex)
        assert.equal(index.find(within, 2, 2 + item.length), wanted ?? -1)
        if (wanted === undefined) known.set(hex, index.add(within, 2, 2 + item.length))
      }
      assert.equal(index.size, known.size)
      assert.deepEqual(
        [...known.values()],
        [...known.keys()].map((_, i) => i),
      )
      assert.deepEqual(
        itemsOf(index.list.pack()).map((item) => item.toString('hex')),
        [...known.keys()],
      )
    }),
  )
})

test('sortByBytes() sorts as Buffer.compare() does', () => {
  fc.assert(
    fc.property(strings, (items) => {
      const list = byteListOf(items)
      const order = Int32Array.from(items.keys())
      sortByBytes(order, list)
      assert.deepEqual(
        [...order].map((i) => Buffer.from(itemOf(list, i))),
        items.map((item) => Buffer.from(item)).sort(Buffer.compare),
      )
    }),
  )
})

test('PairIndex numbers distinct pairs as they come', () => {
  const number = fc.oneof(fc.integer({ min: -1, max: 20 }), fc.nat(2 ** 31 - 1))
  fc.assert(
    fc.property(fc.array(fc.tuple(number, number), { maxLength: 300, size: 'max' }), (pairs) => {
      const index = new PairIndex()
      const known = new Map<string, number>()
      for (const [a, b] of pairs) {
        const key = `${a} ${b}`
        if (!known.has(key)) known.set(key, known.size)
        const id = index.id(a, b)
        assert.equal(id, known.get(key))
        assert.deepEqual([index.a[id], index.b[id]], [a, b])
      }
      assert.equal(index.size, known.size)
    }),
  )
})
