import type { Value } from '../bytes/msgpack.js'
import { xxh64 } from '../bytes/xxh64.js'
import { isText, pyTypeName, textBytes } from '../python/values.js'
import { type IndexEncoder, StorTypeError } from './stortype.js'

const MAX_BYTES = 256
const HASHED_BYTES = 8

/** Up to 256 bytes of UTF-8. Longer text: the first 248 bytes and the XXH64 of all. The cut may split a character. */
export const utf8Index: IndexEncoder = {
  write(buf, start, end, out, at) {
    const from = textStart(buf, start)
    if (from < 0 || end - from > MAX_BYTES) return -1
    let pos = at
    for (let i = from; i < end; i++) out[pos++] = buf[i]
    return pos
  },

  index(value: Value) {
    if (!isText(value)) {
      throw new StorTypeError('AttributeError', `'${pyTypeName(value)}' object has no attribute 'encode'`)
    }
    return shortened(textBytes(value))
  },
}

/** Index bytes as stored: long ones are cut, with a hash of the whole at the end. */
export function shortened(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= MAX_BYTES) return bytes
  const index = new Uint8Array(MAX_BYTES)
  index.set(bytes.subarray(0, MAX_BYTES - HASHED_BYTES))
  new DataView(index.buffer).setBigUint64(MAX_BYTES - HASHED_BYTES, xxh64(bytes))
  return index
}

/** Where the UTF-8 of a msgpack text starts, or -1 when the value is not text. */
export function textStart(buf: Uint8Array, start: number): number {
  const tag = buf[start]
  if (tag >= 0xa0 && tag <= 0xbf) return start + 1
  return tag === 0xd9 ? start + 2 : tag === 0xda ? start + 3 : tag === 0xdb ? start + 5 : -1
}
