import { skip, type Value } from '../bytes/msgpack.js'
import { i64Index, readInt, writeI64 } from './int.js'
import { itemOf } from './item.js'
import type { IndexEncoder } from './stortype.js'

const PAIR = 0x92

/** The two times of an interval, one after the other. Ignores further elements. */
export const ivalIndex: IndexEncoder = {
  write(buf, start, end, out, at) {
    if (buf[start] !== PAIR) return -1
    const min = readInt(buf, start + 1)
    if (Number.isNaN(min)) return -1
    const max = readInt(buf, skip(buf, start + 1, end))
    return Number.isNaN(max) ? -1 : writeI64(max, out, writeI64(min, out, at))
  },

  index(value: Value) {
    const index = new Uint8Array(16)
    index.set(i64Index.index(itemOf(value, 0)))
    index.set(i64Index.index(itemOf(value, 1)), 8)
    return index
  },
}
