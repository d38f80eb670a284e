import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encode, Float, type Value } from '../../src/bytes/msgpack.js'
import { indexOf, StorType, StorTypeError, writeIndex } from '../../src/stortype/registry.js'

const S = StorType
const bigInts = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).map(asInt)
const ints = fc.oneof(fc.integer(), fc.maxSafeInteger(), bigInts)

for (const [name, stortype] of Object.entries({
  u8: S.u8,
  u16: S.u16,
  u32: S.u32,
  i8: S.i8,
  i16: S.i16,
  i32: S.i32,
  u64: S.u64,
  i64: S.i64,
  time: S.time,
  i128: S.i128,
})) {
  test(`${name} indexes sort as their ints do`, () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: -130, max: 260 }), ints),
        fc.oneof(fc.integer({ min: -130, max: 260 }), ints),
        (a, b) => {
          const [x, y] = [index(stortype, a), index(stortype, b)]
          fc.pre(x !== null && y !== null)
          assert.equal(Math.sign(Buffer.compare(x, y)), a < b ? -1 : a > b ? 1 : 0)
        },
      ),
    )
  })
}

test('utf8 indexes of up to 256 bytes sort by code point', () => {
  const texts = fc.string({ unit: 'binary', maxLength: 60 })
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      const order = Math.sign(Buffer.compare(index(S.utf8, a) as Buffer, index(S.utf8, b) as Buffer))
      assert.equal(order, compareCodePoints([...a], [...b]))
    }),
  )
})

test('fqdn indexes of a zone start with the index of its end', () => {
  const label = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(label, label, (name, zone) => {
      const whole = index(S.fqdn, `${name}.${zone}`) as Buffer
      assert.ok(
        whole.subarray(0, (index(S.fqdn, `.${zone}`) as Buffer).length).equals(index(S.fqdn, `.${zone}`) as Buffer),
      )
    }),
  )
})

test('writeIndex() from msgpack agrees with indexOf() of the value for every stortype', () => {
  const scalar: fc.Arbitrary<Value> = fc.oneof(
    ints,
    fc.double().map((value) => new Float(value)),
    fc.string({ unit: 'binary' }),
    fc.string({ minLength: 250, maxLength: 260 }),
    fc.stringMatching(/^([0-9a-f]{2})*$/),
    fc.ipV6(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 20 }),
  )
  const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 4 }))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 22 }), value, (stortype, item) => {
      const packed = encode(item)
      const out = Buffer.alloc(1024)
      let got: string
      try {
        got = out.subarray(0, writeIndex(stortype, packed, 0, packed.length, out, 0)).toString('hex')
      } catch (error) {
        if (!(error instanceof StorTypeError)) throw error
        got = error.errName
      }
      assert.equal(got, index(stortype, item)?.toString('hex') ?? errName(stortype, item))
    }),
    { numRuns: 2000 },
  )
})

function index(stortype: number, value: Value): Buffer | null {
  try {
    return Buffer.from(indexOf(stortype, value))
  } catch (error) {
    if (error instanceof StorTypeError) return null
    throw error
  }
}

function errName(stortype: number, value: Value): string {
  try {
    indexOf(stortype, value)
  } catch (error) {
    return (error as StorTypeError).errName
  }
  return 'none'
}

function asInt(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

function compareCodePoints(a: string[], b: string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = (a[i].codePointAt(0) as number) - (b[i].codePointAt(0) as number)
    if (order !== 0) return Math.sign(order)
  }
  return Math.sign(a.length - b.length)
}
