import { Float, skip, type Value } from '../bytes/msgpack.js'
import { pyInt, pyTypeName } from '../python/values.js'
import { readNumber } from './float.js'
import { toBytes } from './int.js'
import { itemOf } from './item.js'
import { type IndexEncoder, StorTypeError } from './stortype.js'

const PAIR = 0x92
const SCALE = 1e8
const LAT_SPACE = 90 * SCALE
const LON_SPACE = 180 * SCALE
const LIMIT = 2 ** 40

/**
 * Longitude, then latitude, 5 bytes each: degrees * 10^8, rounded half to even, with an offset that makes them
 * positive.
 */
export const latlongIndex: IndexEncoder = {
  write(buf, start, end, out, at) {
    if (buf[start] !== PAIR) return -1
    const lat = readNumber(buf, start + 1)
    if (lat === undefined) return -1
    const lon = readNumber(buf, skip(buf, start + 1, end))
    if (lon === undefined) return -1
    const behind = writeDegrees(roundHalfEven(lon * SCALE) + LON_SPACE, out, at)
    return behind < 0 ? -1 : writeDegrees(roundHalfEven(lat * SCALE) + LAT_SPACE, out, behind)
  },

  index(value: Value) {
    const lat = toBytes(scaled(itemOf(value, 0)) + BigInt(LAT_SPACE), 5)
    const lon = toBytes(scaled(itemOf(value, 1)) + BigInt(LON_SPACE), 5)
    const index = new Uint8Array(10)
    index.set(lon)
    index.set(lat, 5)
    return index
  },
}

/** Python's `round`: to the nearest integer; halfway, to the even one. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest < 0.5) return floor
  return rest > 0.5 || floor % 2 !== 0 ? floor + 1 : floor
}

function writeDegrees(value: number, out: Buffer, at: number): number {
  if (!(value >= 0 && value < LIMIT)) return -1
  const high = Math.floor(value / 0x100000000)
  const low = value - high * 0x100000000
  out[at] = high
  out[at + 1] = low >>> 24
  out[at + 2] = low >>> 16
  out[at + 3] = low >>> 8
  out[at + 4] = low
  return at + 5
}

function scaled(value: Value): bigint {
  const int = pyInt(value)
  if (int !== null) return int * BigInt(SCALE)
  if (!(value instanceof Float)) throw new StorTypeError('TypeError', cannotRound(pyTypeName(value)))
  const float = value.value * SCALE
  if (Number.isNaN(float)) throw new StorTypeError('ValueError', 'cannot convert float NaN to integer')
  if (!Number.isFinite(float)) throw new StorTypeError('OverflowError', 'cannot convert float infinity to integer')
  return BigInt(roundHalfEven(float))
}

function cannotRound(type: string): string {
  // A sequence times an int is a longer sequence in Python.
  if (type === 'str' || type === 'bytes' || type === 'tuple') return `type ${type} doesn't define __round__ method`
  return `unsupported operand type(s) for *: '${type}' and 'int'`
}
