import { decode, skip, type Value } from '../bytes/msgpack.js'
import { assert } from '../errors.js'
import { pyTypeName } from '../python/values.js'
import { floatIndex } from './float.js'
import { fqdnIndex } from './fqdn.js'
import { guidIndex } from './guid.js'
import { hierIndex } from './hier.js'
import { i64Index, i128Index, smallSigned, smallUnsigned, u64Index, u128Index } from './int.js'
import { ipv6Index } from './ipv6.js'
import { ivalIndex } from './ival.js'
import { latlongIndex } from './latlong.js'
import { msgpIndex } from './msgp.js'
import { ARRAY, type IndexEncoder, MAX_INDEX_BYTES, StorType, StorTypeError } from './stortype.js'
import { utf8Index } from './utf8.js'

export { ARRAY, MAX_INDEX_BYTES, StorType, StorTypeError }

const byName = {
  utf8: utf8Index,
  u8: smallUnsigned(1),
  u16: smallUnsigned(2),
  u32: smallUnsigned(4),
  u64: u64Index,
  i8: smallSigned(1),
  i16: smallSigned(2),
  i32: smallSigned(4),
  i64: i64Index,
  guid: guidIndex,
  time: i64Index,
  ival: ivalIndex,
  msgp: msgpIndex,
  latlong: latlongIndex,
  loc: hierIndex,
  tag: hierIndex,
  fqdn: fqdnIndex,
  ipv6: ipv6Index,
  u128: u128Index,
  i128: i128Index,
  minTime: i64Index,
  float64: floatIndex,
} satisfies Record<keyof typeof StorType, IndexEncoder>

const encoders: (IndexEncoder | undefined)[] = [undefined]
for (const [name, encoder] of Object.entries(byName)) encoders[StorType[name as keyof typeof StorType]] = encoder

/** Whether values of a stortype have an index. For an array, whether its elements do. */
export function isKnownStorType(stortype: number): boolean {
  return encoders[stortype & ~ARRAY] !== undefined
}

/**
 * Writes the index of the msgpack value `buf[start, end)` to `out` at `at` and returns the position after it. An index
 * is at most 256 bytes; only LOC, TAG and GUID take as many as the value needs, up to MAX_INDEX_BYTES.
 *
 * @param stortype without the ARRAY bit: each element of an array has its own index (see arraySpans)
 * @throws {StorTypeError} for a value that has no index in this stortype
 */
export function writeIndex(
  stortype: number,
  buf: Uint8Array,
  start: number,
  end: number,
  out: Buffer,
  at: number,
): number {
  const encoder = encoderOf(stortype)
  const behind = encoder.write(buf, start, end, out, at)
  if (behind < 0) return writeOdd(encoder, buf, start, end, out, at)
  assert(behind <= out.length, () => `An index of ${behind - at} bytes at ${at} leaves a buffer of ${out.length}`)
  return behind
}

/**
 * The index of a decoded value: the same bytes that writeIndex() writes for its msgpack.
 *
 * @throws {StorTypeError} for a value that has no index in this stortype
 */
export function indexOf(stortype: number, value: Value): Uint8Array {
  return limited(encoderOf(stortype).index(value))
}

/**
 * Appends the start and end of each element of the msgpack array `buf[start, end)` to `into`.
 *
 * @throws {StorTypeError} when the value is not an array
 */
export function arraySpans(buf: Uint8Array, start: number, end: number, into: number[]): void {
  const tag = buf[start]
  let pos: number
  let count: number
  if (tag >= 0x90 && tag <= 0x9f) {
    pos = start + 1
    count = tag & 0x0f
  } else if (tag === 0xdc) {
    pos = start + 3
    count = (buf[start + 1] << 8) | buf[start + 2]
  } else if (tag === 0xdd) {
    pos = start + 5
    count = buf[start + 1] * 2 ** 24 + ((buf[start + 2] << 16) | (buf[start + 3] << 8) | buf[start + 4])
  } else {
    throw new StorTypeError('TypeError', `'${pyTypeName(decode(buf, start, end))}' object is not iterable`)
  }
  for (let i = 0; i < count; i++) {
    const behind = skip(buf, pos, end)
    into.push(pos, behind)
    pos = behind
  }
}

function encoderOf(stortype: number): IndexEncoder {
  const encoder = encoders[stortype]
  if (encoder !== undefined) return encoder
  if (stortype === 0) throw new StorTypeError('AttributeError', "'NoneType' object has no attribute 'indx'")
  throw new StorTypeError('IndexError', 'list index out of range')
}

function writeOdd(encoder: IndexEncoder, buf: Uint8Array, start: number, end: number, out: Buffer, at: number): number {
  const index = limited(encoder.index(decode(buf, start, end)))
  assert(
    at + index.length <= out.length,
    () => `An index of ${index.length} bytes at ${at} leaves a buffer of ${out.length}`,
  )
  out.set(index, at)
  return at + index.length
}

function limited(index: Uint8Array): Uint8Array {
  if (index.length <= MAX_INDEX_BYTES) return index
  throw new StorTypeError('BadValsizeError', 'mdb_put: MDB_BAD_VALSIZE: Unsupported size of key/DB name/data')
}
