import { Float, type Value } from '../bytes/msgpack.js'
import { pyInt } from '../python/values.js'
import { readInt } from './int.js'
import { type IndexEncoder, StorTypeError } from './stortype.js'

const FLOAT64 = 0xcb

const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)

/** IEEE 754, big-endian, unchanged: 2.x expects negative floats to sort backwards. */
export const floatIndex: IndexEncoder = {
  write(buf, start, _end, out, at) {
    if (buf[start] !== FLOAT64) return -1
    for (let i = 0; i < 8; i++) out[at + i] = buf[start + 1 + i]
    return at + 8
  },

  index(value: Value) {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, floatOf(value))
    return bytes
  },
}

/** The float or the small int at `pos`, or undefined. */
export function readNumber(buf: Uint8Array, pos: number): number | undefined {
  if (buf[pos] !== FLOAT64) {
    const int = readInt(buf, pos)
    return Number.isNaN(int) ? undefined : int
  }
  for (let i = 0; i < 8; i++) doubleBytes[7 - i] = buf[pos + 1 + i]
  return double[0]
}

function floatOf(value: Value): number {
  if (value instanceof Float) return value.value
  const int = pyInt(value)
  if (int === null) throw new StorTypeError('error', 'required argument is not a float')
  const float = Number(int)
  if (!Number.isFinite(float)) throw new StorTypeError('OverflowError', 'int too large to convert to float')
  return float
}
