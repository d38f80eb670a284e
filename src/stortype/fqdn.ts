import type { Value } from '../bytes/msgpack.js'
import { isText, pyTypeName, textBytes } from '../python/values.js'
import { type IndexEncoder, StorTypeError } from './stortype.js'
import { shortened, textStart } from './utf8.js'

/** The UTF-8 index of the name spelled backwards, so that all names under a zone are neighbors. */
export const fqdnIndex: IndexEncoder = {
  write(buf, start, end, out, at) {
    const from = textStart(buf, start)
    if (from < 0 || end - from > 256) return -1
    let pos = at
    for (let i = end - 1; i >= from; i--) {
      if (buf[i] >= 0x80) return -1
      out[pos++] = buf[i]
    }
    return pos
  },

  index(value: Value) {
    if (isText(value)) return shortened(reversed(textBytes(value)))
    if (Array.isArray(value) || value instanceof Uint8Array) {
      throw new StorTypeError('AttributeError', `'${pyTypeName(value)}' object has no attribute 'encode'`)
    }
    const type = pyTypeName(value)
    throw new StorTypeError(
      'TypeError',
      type === 'dict' ? "unhashable type: 'slice'" : `'${type}' object is not subscriptable`,
    )
  },
}

/** Reverses the code points and keeps the byte order within each. */
function reversed(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length)
  let pos = 0
  let end = bytes.length
  for (let i = bytes.length - 1; i >= 0; i--) {
    if ((bytes[i] & 0xc0) === 0x80) continue
    out.set(bytes.subarray(i, end), pos)
    pos += end - i
    end = i
  }
  return out
}
