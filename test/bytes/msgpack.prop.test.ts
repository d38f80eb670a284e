import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decode,
  Ext,
  encode,
  Float,
  MsgpackError,
  PackMap,
  pyEquals,
  skip,
  type Value,
} from '../../src/bytes/msgpack.js'

const text = fc.string({ unit: 'binary' })
const value: fc.Memo<Value> = fc.memo((depth) => {
  const leaf: fc.Arbitrary<Value> = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.bigInt(2n ** 53n, 2n ** 64n - 1n),
    fc.bigInt(-(2n ** 63n), -(2n ** 53n)),
    fc.double({ noNaN: true }).map((double) => new Float(double)),
    text,
    fc.uint8Array(),
    fc.tuple(fc.integer({ min: -128, max: 127 }), fc.uint8Array()).map(([type, data]) => new Ext(type, data)),
  )
  if (depth <= 1) return leaf
  const deeper = value(depth - 1)
  return fc.oneof(
    leaf,
    fc.array(deeper),
    // decode() keeps the last of equal keys, as Python does: these differ.
    fc.array(deeper).map((items) => new PackMap(items.map((item, i) => [i, item]))),
  )
})

test('encode(decode(bytes)) gives the bytes again, and skip() ends where they end', () => {
  fc.assert(
    fc.property(value(4), (made) => {
      const bytes = encode(made)
      assert.deepEqual(encode(decode(bytes)), bytes)
      assert.equal(skip(bytes, 0), bytes.length)
    }),
  )
})

test('decode() takes any bytes, or says what is wrong with them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decode(bytes)
      } catch (err) {
        assert.ok(err instanceof MsgpackError, String(err))
      }
    }),
    { numRuns: 2000 },
  )
})

test('encode() keeps every byte where its buffer grows, whatever value is at that place', () => {
  const atTheEdge: Value[] = [
    null,
    true,
    5,
    -5,
    200,
    -100,
    60_000,
    -30_000,
    3_000_000_000,
    -2_000_000_000,
    2 ** 40,
    -(2n ** 62n),
    2n ** 63n,
    new Float(1.5),
    'abc',
    'x'.repeat(300),
    new Uint8Array(70_000).fill(3),
    [],
    new Array(20).fill(7),
    new PackMap([[1, 2]]),
    new Ext(-3, new Uint8Array(5)),
  ]
  // Each value is met by a buffer that is full to any of the last bytes; it only grows once to each size.
  let bytes = 1 << 17
  for (const odd of atTheEdge) {
    const pad = new Uint8Array(bytes - 6 - 3 * (atTheEdge.indexOf(odd) % 4))
    const list: Value[] = [pad, odd, odd, odd, odd, odd, odd, odd, 'end']
    assert.ok(pyEquals(decode(encode(list)), list), `a buffer of ${bytes} bytes`)
    if (bytes < 1 << 24) bytes *= 2
  }
})
