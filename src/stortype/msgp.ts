import { isCanonical } from '../bytes/canonical.js'
import { exactSpan, sha256, sha256Into } from '../bytes/hash.js'
import { encode, type Value } from '../bytes/msgpack.js'
import { type IndexEncoder, StorTypeError } from './stortype.js'

const NULL = 0xc0

/** The SHA-256 of the value's msgpack. The reference gives null a random index; we refuse it. */
export const msgpIndex: IndexEncoder = {
  write(buf, start, end, out, at) {
    if (buf[start] === NULL || !isCanonical(buf, start, end)) return -1
    sha256Into(exactSpan(buf, start, end), out, at)
    return at + 32
  },

  index(value: Value) {
    if (value === null) throw new StorTypeError('ValueError', 'null has no index')
    try {
      return sha256(encode(value))
    } catch (cause) {
      throw new StorTypeError('OverflowError', (cause as Error).message)
    }
  },
}
