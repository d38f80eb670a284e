import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode, Float, type Value } from '../../src/bytes/msgpack.js'
import {
  ARRAY,
  arraySpans,
  indexOf,
  isKnownStorType,
  StorType,
  StorTypeError,
  writeIndex,
} from '../../src/stortype/registry.js'

const S = StorType

// Index bytes printed by Synapse 0.2.0rc18.
const parity: [number, Value, string][] = [
  [S.utf8, 'hehe', '68656865'],
  [S.utf8, '', ''],
  [S.utf8, 'naïve', '6e61c3af7665'],
  [S.utf8, '\ud83d', 'eda0bd'],
  [S.utf8, 'x'.repeat(256), '78'.repeat(256)],
  [S.utf8, 'x'.repeat(257), `${'78'.repeat(248)}7d5cc3c6243bcdc1`],
  [S.utf8, 'é'.repeat(129), `${'c3a9'.repeat(124)}86ec9d01aa56a066`],
  [S.utf8, 'a'.repeat(247) + 'é'.repeat(10), `${'61'.repeat(247)}c3c2c8329503e8db26`],
  [S.u8, 1, '01'],
  [S.u8, true, '01'],
  [S.u8, 255, 'ff'],
  [S.u16, 258, '0102'],
  [S.u32, 16909060, '01020304'],
  [S.u64, 1, '0000000000000001'],
  [S.u64, 18446744073709551615n, 'ffffffffffffffff'],
  [S.i8, -127, '00'],
  [S.i8, 0, '7f'],
  [S.i8, 127, 'fe'],
  [S.i16, -1, '7ffe'],
  [S.i16, 5, '8004'],
  [S.i32, -1, '7ffffffe'],
  [S.i64, -9223372036854775807n, '0000000000000000'],
  [S.i64, -1, '7ffffffffffffffe'],
  [S.i64, 0, '7fffffffffffffff'],
  [S.i64, 1, '8000000000000000'],
  [S.i64, 9223372036854775807n, 'fffffffffffffffe'],
  [S.guid, '8f1401de15918358d5247e21ca29a814', '8f1401de15918358d5247e21ca29a814'],
  [S.guid, Uint8Array.of(0x30, 0x30), '00'],
  [S.time, 1585767122420, '80000171371605f3'],
  [S.ival, [1585767122420, 1585767122421], '80000171371605f380000171371605f4'],
  [S.ival, [0, 9223372036854775807n], '7ffffffffffffffffffffffffffffffe'],
  [
    S.msgp,
    ['btc', '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2'],
    'f3beb9e3e0283176d8ec7cd2e0813ab1024ad40ca402b61db1c26fd70ab8ec3f',
  ],
  [S.latlong, [0, 0], '0430e234000218711a00'],
  [S.latlong, [90, new Float(180)], '0861c468000430e23400'],
  [S.latlong, [new Float(-90), new Float(-180)], '00000000000000000000'],
  [S.latlong, [new Float(38.9072), new Float(-77.0369)], '0265b538f0030058c700'],
  [S.latlong, [new Float(5e-9), new Float(1.5e-8)], '0430e234010218711a00'],
  [S.loc, 'us.ca.la', '75732e63612e6c612e'],
  [S.loc, '', '2e'],
  [S.tag, 'foo', '666f6f2e'],
  [S.fqdn, 'vertex.link', '6b6e696c2e786574726576'],
  [S.fqdn, 'bücher.com', '6d6f632e72656863c3bc62'],
  [S.fqdn, 'x'.repeat(300), `${'78'.repeat(248)}8377db93c80fd5bf`],
  [S.ipv6, '::1', '00000000000000000000000000000001'],
  [S.ipv6, '2001:db8::ff', '20010db80000000000000000000000ff'],
  [S.ipv6, '::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
  [S.u128, 1, '00000000000000000000000000000001'],
  [S.i128, -1, '7ffffffffffffffffffffffffffffffe'],
  [S.i128, 0, '7fffffffffffffffffffffffffffffff'],
  [S.i128, 1, '80000000000000000000000000000000'],
  [S.minTime, 1585767122420, '80000171371605f3'],
  [S.float64, new Float(0), '0000000000000000'],
  [S.float64, new Float(-0), '8000000000000000'],
  [S.float64, new Float(-1.5), 'bff8000000000000'],
  [S.float64, 3, '4008000000000000'],
]

// Exceptions of Synapse 0.2.0rc18.
const refused: [number, Value, string, string][] = [
  [S.utf8, null, 'AttributeError', "'NoneType' object has no attribute 'encode'"],
  [S.utf8, 5, 'AttributeError', "'int' object has no attribute 'encode'"],
  [S.u8, 256, 'OverflowError', 'int too big to convert'],
  [S.u8, -1, 'OverflowError', "can't convert negative int to unsigned"],
  [S.i8, -128, 'OverflowError', "can't convert negative int to unsigned"],
  [S.i8, 129, 'OverflowError', 'int too big to convert'],
  [S.u32, null, 'TypeError', "unsupported operand type(s) for +: 'NoneType' and 'int'"],
  [S.i64, -9223372036854775808n, 'OverflowError', "can't convert negative int to unsigned"],
  [S.time, new Float(1.5), 'AttributeError', "'float' object has no attribute 'to_bytes'"],
  [S.guid, 'zz', 'Error', 'Non-hexadecimal digit found'],
  [S.guid, 'abc', 'Error', 'Odd-length string'],
  [S.guid, null, 'TypeError', "argument should be bytes, buffer or ASCII string, not 'NoneType'"],
  [S.ival, null, 'TypeError', "'NoneType' object is not subscriptable"],
  [S.ival, [1], 'IndexError', 'tuple index out of range'],
  [S.latlong, [new Float(-91), new Float(0)], 'OverflowError', "can't convert negative int to unsigned"],
  [S.latlong, [new Float(Number.NaN), 0], 'ValueError', 'cannot convert float NaN to integer'],
  [
    S.loc,
    'a\ud83d',
    'UnicodeEncodeError',
    "'utf-8' codec can't encode character '\\ud83d' in position 1: surrogates not allowed",
  ],
  [S.fqdn, null, 'TypeError', "'NoneType' object is not subscriptable"],
  [S.ipv6, '1.2.3.4', 'AddressValueError', "At least 3 parts expected in '1.2.3.4'"],
  [S.float64, null, 'error', 'required argument is not a float'],
  [0, 1, 'AttributeError', "'NoneType' object has no attribute 'indx'"],
  [23, 1, 'IndexError', 'list index out of range'],
]

test('writeIndex() writes the bytes that Synapse writes', () => {
  for (const [stortype, value, hex] of parity) {
    const what = `stortype ${stortype} of ${String(value)}`
    assert.equal(written(stortype, encode(value)), hex, what)
    assert.equal(Buffer.from(indexOf(stortype, value)).toString('hex'), hex, what)
  }
})

test('writeIndex() refuses what Synapse refuses, with its text', () => {
  for (const [stortype, value, errName, message] of refused) {
    assert.throws(() => written(stortype, encode(value)), { errName, message })
  }
})

test('writeIndex() refuses null for MSGP, which Synapse indexes at random', () => {
  assert.throws(() => written(S.msgp, encode(null)), StorTypeError)
})

test('writeIndex() hashes the canonical form for MSGP', () => {
  const float32 = Uint8Array.of(0x91, 0xca, 0x3f, 0x80, 0, 0)
  assert.equal(written(S.msgp, float32), written(S.msgp, encode([new Float(1)])))
  const wideInt = Uint8Array.of(0x91, 0xcf, 0, 0, 0, 0, 0, 0, 0, 5)
  assert.equal(written(S.msgp, wideInt), written(S.msgp, encode([5])))
  const twice = Uint8Array.of(0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2)
  assert.equal(written(S.msgp, twice), written(S.msgp, Uint8Array.of(0x81, 0xa1, 0x61, 2)))
})

test('writeIndex() never cuts a LOC, and refuses one that no LMDB key can hold', () => {
  assert.equal(written(S.loc, encode('x'.repeat(502))).length, 2 * 503)
  assert.throws(() => written(S.loc, encode('x'.repeat(503))), { errName: 'BadValsizeError' })
})

test('arraySpans() finds the elements, and refuses what is no array', () => {
  const packed = encode(['foo', 84281096, []])
  const spans: number[] = []
  arraySpans(packed, 0, packed.length, spans)
  assert.deepEqual(spans, [1, 5, 5, 10, 10, 11])
  assert.throws(() => arraySpans(Uint8Array.of(0xc0), 0, 1, []), {
    errName: 'TypeError',
    message: "'NoneType' object is not iterable",
  })
})

test('isKnownStorType() knows 1 to 22 and arrays of them', () => {
  assert.deepEqual([0, 1, 22, 23, ARRAY, ARRAY | 1, ARRAY | 23].map(isKnownStorType), [
    false,
    true,
    true,
    false,
    false,
    true,
    false,
  ])
})

function written(stortype: number, packed: Uint8Array): string {
  const out = Buffer.alloc(1024)
  const at = 3
  return out.subarray(at, writeIndex(stortype, packed, 0, packed.length, out, at)).toString('hex')
}
