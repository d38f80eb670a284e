import type { RawStr, Value } from '../bytes/msgpack.js'
import { isText, pyTypeName, textBytes } from '../python/values.js'
import { type IndexEncoder, MAX_INDEX_BYTES, StorTypeError } from './stortype.js'
import { textStart } from './utf8.js'

const NO_DIGIT = 0xff
const digits = new Uint8Array(256).fill(NO_DIGIT)
for (let i = 0; i < 16; i++) {
  digits[i.toString(16).charCodeAt(0)] = i
  digits[i.toString(16).toUpperCase().charCodeAt(0)] = i
}

/** The bytes of the hex digits, however many there are. */
export const guidIndex: IndexEncoder = {
  write(buf, start, end, out, at) {
    const from = textStart(buf, start)
    const byteCount = (end - from) >> 1
    if (from < 0 || (end - from) % 2 !== 0 || byteCount > MAX_INDEX_BYTES) return -1
    return unhex(buf, from, out, at, byteCount)
  },

  index(value: Value) {
    if (!isText(value) && !(value instanceof Uint8Array)) {
      const type = pyTypeName(value)
      throw new StorTypeError('TypeError', `argument should be bytes, buffer or ASCII string, not '${type}'`)
    }
    const hex = value instanceof Uint8Array ? value : asciiBytes(value)
    if (hex.length % 2 !== 0) throw new StorTypeError('Error', 'Odd-length string')
    const index = new Uint8Array(hex.length / 2)
    if (unhex(hex, 0, index, 0, index.length) < 0) throw new StorTypeError('Error', 'Non-hexadecimal digit found')
    return index
  },
}

function unhex(hex: Uint8Array, from: number, out: Uint8Array, at: number, byteCount: number): number {
  let pos = from
  for (let i = 0; i < byteCount; i++) {
    const high = digits[hex[pos++]]
    const low = digits[hex[pos++]]
    if ((high | low) === NO_DIGIT) return -1
    out[at + i] = (high << 4) | low
  }
  return at + byteCount
}

function asciiBytes(value: string | RawStr): Uint8Array {
  const bytes = textBytes(value)
  if (bytes.some((byte) => byte >= 0x80)) {
    throw new StorTypeError('ValueError', 'string argument should contain only ASCII characters')
  }
  return bytes
}
