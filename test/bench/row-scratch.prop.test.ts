import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RowScratch } from '../../bench/row-scratch.js'
import { encode, type Value } from '../../src/bytes/msgpack.js'

test('RowScratch.pack() writes what encode() returns', () => {
  const ascii = fc.string({ unit: fc.constantFrom('a', '/', '\0', '~'), maxLength: 400 })
  const item: fc.Arbitrary<Value> = fc.oneof(
    ascii,
    fc.constant(null),
    fc.uint8Array({ maxLength: 400 }),
    fc.maxSafeNat(),
    fc.constantFrom(0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000),
  )
  const value = fc.oneof(item, fc.array(item, { maxLength: 15 }))
  fc.assert(
    fc.property(value, (made) => {
      const row = new RowScratch().pack(made)
      assert.deepEqual(Buffer.from(row.bytes.subarray(0, row.length)), Buffer.from(encode(made)))
    }),
  )
})
