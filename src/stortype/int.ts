import type { Value } from '../bytes/msgpack.js'
import { pyInt, pyTypeName } from '../python/values.js'
import { type IndexEncoder, StorTypeError } from './stortype.js'

/** What readInt() returns for anything but an int within 2^53. */
const NO_INT = Number.NaN

const TWO_32 = 0x100000000

/** Unsigned, big-endian, of 1, 2 or 4 bytes. */
export function smallUnsigned(byteCount: 1 | 2 | 4): IndexEncoder {
  return smallInt(byteCount, 0, unsignedInt(byteCount))
}

/**
 * Signed, big-endian, 1, 2 or 4 bytes, with 2^(bits-1) - 1 added. The lowest int of each size therefore has no index.
 */
export function smallSigned(byteCount: 1 | 2 | 4): IndexEncoder {
  return smallInt(byteCount, 2 ** (byteCount * 8 - 1) - 1, signedInt(byteCount))
}

/** 8 bytes, unsigned. */
export const u64Index: IndexEncoder = {
  write(buf, start, _end, out, at) {
    const value = readInt(buf, start)
    // This way, NaN fails too.
    if (!(value >= 0)) return -1
    const high = Math.floor(value / TWO_32)
    writeU32(out, at, high)
    writeU32(out, at + 4, value - high * TWO_32)
    return at + 8
  },
  index: unsignedInt(8),
}

/** 8 bytes, signed; also for times. */
export const i64Index: IndexEncoder = {
  write(buf, start, _end, out, at) {
    const value = readInt(buf, start)
    return Number.isNaN(value) ? -1 : writeI64(value, out, at)
  },
  index: signedInt(8),
}

export const u128Index: IndexEncoder = { write: () => -1, index: unsignedInt(16) }

export const i128Index: IndexEncoder = { write: () => -1, index: signedInt(16) }

/** Writes an int within 2^53 as a signed index of 8 bytes. */
export function writeI64(value: number, out: Buffer, at: number): number {
  // value + 2^63 - 1 in halves of 32 bits
  const less = value - 1
  const high = Math.floor(less / TWO_32)
  writeU32(out, at, high + 0x80000000)
  writeU32(out, at + 4, less - high * TWO_32)
  return at + 8
}

/** The int (or bool) at `pos`, or NO_INT. */
export function readInt(buf: Uint8Array, pos: number): number {
  const tag = buf[pos]
  if (tag <= 0x7f) return tag
  if (tag >= 0xe0) return tag - 0x100
  switch (tag) {
    case 0xc2:
      return 0
    case 0xc3:
      return 1
    case 0xcc:
      return buf[pos + 1]
    case 0xcd:
      return (buf[pos + 1] << 8) | buf[pos + 2]
    case 0xce:
      return readU32(buf, pos + 1)
    case 0xcf: {
      const value = readU32(buf, pos + 1) * TWO_32 + readU32(buf, pos + 5)
      return value <= Number.MAX_SAFE_INTEGER ? value : NO_INT
    }
    case 0xd0:
      return (buf[pos + 1] << 24) >> 24
    case 0xd1:
      return ((buf[pos + 1] << 24) >> 16) | buf[pos + 2]
    case 0xd2:
      return readU32(buf, pos + 1) | 0
    case 0xd3: {
      const value = (readU32(buf, pos + 1) | 0) * TWO_32 + readU32(buf, pos + 5)
      return Number.isSafeInteger(value) ? value : NO_INT
    }
    default:
      return NO_INT
  }
}

/** The int of a value. @throws {StorTypeError} as Python's `value + offset` and `.to_bytes` would raise */
export function intOf(value: Value): bigint {
  const int = pyInt(value)
  if (int !== null) return int
  const type = pyTypeName(value)
  if (type === 'float') throw new StorTypeError('AttributeError', "'float' object has no attribute 'to_bytes'")
  throw new StorTypeError('TypeError', cannotAdd(type))
}

/** `value + offset` as big-endian bytes. @throws {StorTypeError} when it does not fit */
export function toBytes(value: bigint, byteCount: number): Uint8Array {
  if (value < 0n) throw new StorTypeError('OverflowError', "can't convert negative int to unsigned")
  if (value >> BigInt(byteCount * 8) > 0n) throw new StorTypeError('OverflowError', 'int too big to convert')
  const bytes = new Uint8Array(byteCount)
  let rest = value
  for (let i = byteCount - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

function smallInt(byteCount: number, offset: number, index: (value: Value) => Uint8Array): IndexEncoder {
  const limit = 2 ** (byteCount * 8)
  return {
    write(buf, start, _end, out, at) {
      const value = readInt(buf, start) + offset
      if (!(value >= 0 && value < limit)) return -1
      for (let i = byteCount - 1, rest = value; i >= 0; i--, rest >>>= 8) out[at + i] = rest & 0xff
      return at + byteCount
    },
    index,
  }
}

function unsignedInt(byteCount: number): (value: Value) => Uint8Array {
  return (value) => toBytes(intOf(value), byteCount)
}

function signedInt(byteCount: number): (value: Value) => Uint8Array {
  const offset = (1n << BigInt(byteCount * 8 - 1)) - 1n
  return (value) => toBytes(intOf(value) + offset, byteCount)
}

function cannotAdd(type: string): string {
  if (type === 'bytes') return "can't concat int to bytes"
  if (type === 'str' || type === 'tuple') return `can only concatenate ${type} (not "int") to ${type}`
  return `unsupported operand type(s) for +: '${type}' and 'int'`
}

function readU32(buf: Uint8Array, pos: number): number {
  return ((buf[pos] << 24) | (buf[pos + 1] << 16) | (buf[pos + 2] << 8) | buf[pos + 3]) >>> 0
}

function writeU32(out: Buffer, at: number, value: number): void {
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
}
