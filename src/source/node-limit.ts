import { BUID_BYTES } from '../bytes/buid.js'
import type { DbReader } from '../page/page-reader.js'

/**
 * The buid of the n-th node of a layer, where the reference's `--nodelim n` stops: n-1 nodes come before it. Null when
 * there are fewer nodes; for n below 2 a key before all others.
 */
export function nthNode(bybuid: DbReader, n: number): Uint8Array | null {
  if (n < 2) return new Uint8Array(0)
  const cursor = bybuid.cursor()
  let buid: Uint8Array = new Uint8Array(0)
  let count = 0
  for (let more = cursor.seek(null); more; more = cursor.next()) {
    const key = cursor.key().subarray(0, BUID_BYTES)
    if (Buffer.compare(key, buid) === 0) continue
    if (++count === n) return key
    buid = key
  }
  return null
}
