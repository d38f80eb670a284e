import { createHash, hash as oneShot } from 'node:crypto'
import { encode, type Value } from './msgpack.js'

/** SHA-256, 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(32)
  sha256Into(data, out, 0)
  return out
}

/** Writes the SHA-256 of `data` to `out` at `at`. */
export function sha256Into(data: Uint8Array, out: Buffer, at: number): void {
  out.write(sha256Latin1(data), at, 32, 'latin1')
}

/**
 * SHA-256 as a string of 32 characters, one per byte. `crypto.hash` (Node >= 20.12) is three times as fast as `createHash`
 * on 40 bytes, and a string twice as fast as the buffer that it would have to make (bench/hash.bench.ts).
 */
export const sha256Latin1: (data: Uint8Array) => string =
  typeof oneShot === 'function'
    ? (data) => oneShot('sha256', data, 'binary')
    : (data) => createHash('sha256').update(data).digest('binary')

/**
 * The hash function needs a buffer of exactly the span's length. Copying into a kept buffer is cheaper than making a
 * view.
 */
const exact: Buffer[] = []
const MOST_EXACT_BYTES = 512

/** A buffer of exactly this length. The next call with the same length returns the same buffer. */
export function exactScratch(length: number): Buffer {
  if (length > MOST_EXACT_BYTES) return Buffer.allocUnsafeSlow(length)
  exact[length] ??= Buffer.allocUnsafeSlow(length)
  return exact[length]
}

/** A copy of `buf[start, end)` in an `exactScratch()`. */
export function exactSpan(buf: Uint8Array, start: number, end: number): Buffer {
  const span = exactScratch(end - start)
  for (let i = start, at = 0; i < end; i++, at++) span[at] = buf[i]
  return span
}

/** MD5 as 32 lower-case hex digits: Synapse's `guid` of a value is this over its msgpack. */
export function md5Hex(data: Uint8Array): string {
  return createHash('md5').update(data).digest('hex')
}

/** A digest as 16 hex digits. */
export function hexOf(digest: bigint): string {
  return digest.toString(16).padStart(16, '0')
}

/** A node's buid: SHA-256 over the msgpack of `[form, valu]`. */
export function buid(value: Value): Uint8Array {
  return sha256(encode(value))
}

/** Synapse's `guid(value)`. */
export function guid(value: Value): string {
  return md5Hex(encode(value))
}
