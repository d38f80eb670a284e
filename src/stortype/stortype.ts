import type { Value } from '../bytes/msgpack.js'

/** The storage type numbers that the 0.2.x layer writes after every value. */
export const StorType = {
  utf8: 1,
  u8: 2,
  u16: 3,
  u32: 4,
  u64: 5,
  i8: 6,
  i16: 7,
  i32: 8,
  i64: 9,
  guid: 10,
  time: 11,
  ival: 12,
  msgp: 13,
  latlong: 14,
  loc: 15,
  tag: 16,
  fqdn: 17,
  ipv6: 18,
  u128: 19,
  i128: 20,
  minTime: 21,
  float64: 22,
} as const

export type StorType = (typeof StorType)[keyof typeof StorType]

/** The bit that marks an array; the other bits are the stortype of its elements. */
export const ARRAY = 0x8000

/** An LMDB key has at most 511 bytes; 8 of them are the abbreviation of the index. */
export const MAX_INDEX_BYTES = 503

/** How to compute the index of one stortype. */
export interface IndexEncoder {
  /**
   * Writes the index of the msgpack value `buf[start, end)` to `out` at `at` and returns the position after it. Returns
   * -1 for an unusual value, which needs `index`.
   */
  write(buf: Uint8Array, start: number, end: number, out: Buffer, at: number): number

  /**
   * The index of any value.
   *
   * @throws {StorTypeError} where the reference raises
   */
  index(value: Value): Uint8Array
}

/** A value that has no index in its stortype; `errName` and `message` are those of the reference's exception. */
export class StorTypeError extends Error {
  override readonly name = 'StorTypeError'

  constructor(
    readonly errName: string,
    message: string,
  ) {
    super(message)
  }
}
