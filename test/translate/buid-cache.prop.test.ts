import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { buid } from '../../src/bytes/hash.js'
import { encode, Float, type Value } from '../../src/bytes/msgpack.js'
import { BuidCache } from '../../src/translate/buid-cache.js'

const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(
      fc.integer(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
      fc.double().map((number) => new Float(number)),
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.string({ minLength: 250, maxLength: 260 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom<Value>(null, true, false),
    ),
    fc.array(tie('value'), { maxLength: 20 }),
  ),
})).value

test('BuidCache gives the buid of every ndef, of equal slots too, from one reused buffer', () => {
  const cache = new BuidCache()
  const shared = Buffer.alloc(1 << 12)
  const got = (length: number) => {
    const out = Buffer.alloc(40)
    cache.put(shared, length, out, 4)
    return out.subarray(4, 36)
  }
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 30 }), (items) => {
      for (const item of [...items, ...items]) {
        const raw = encode(['test:form', item])
        if (raw.length > shared.length) continue
        shared.set(raw)
        assert.deepEqual(got(raw.length), Buffer.from(buid(['test:form', item])))
      }
    }),
  )
  const long = Buffer.from('92a9696e65743a69707634cd0005', 'hex')
  shared.set(long)
  assert.deepEqual(got(long.length), Buffer.from(buid(['inet:ipv4', 5])))
})
