import { copyOf, utf8 } from './msgpack-text.js'
import { Ext, Float, MsgpackError, PackMap, RawStr, type Value } from './msgpack-value.js'

let scratch = Buffer.allocUnsafeSlow(1 << 16)
let scratchLength = 0

/**
 * Encodes a value as Synapse's `msgpack.en` does.
 *
 * @throws {MsgpackError} for ints outside of -2^63 .. 2^64-1
 */
export function encode(value: Value): Uint8Array {
  scratchLength = 0
  write(value)
  return copyOf(scratch, 0, scratchLength)
}

/** Like `encode()`, but safe to call while `encode()` runs. */
export function encodeNested(value: Value): Uint8Array {
  const start = scratchLength
  write(value)
  const bytes = copyOf(scratch, start, scratchLength)
  scratchLength = start
  return bytes
}

function room(length: number): number {
  const start = scratchLength
  const need = start + length
  if (need > scratch.length) {
    const grown = Buffer.allocUnsafeSlow(Math.max(need, scratch.length * 2))
    grown.set(scratch.subarray(0, start))
    scratch = grown
  }
  scratchLength = need
  return start
}

function write(value: Value): void {
  if (typeof value === 'string') {
    const bytes = utf8(value)
    writeText(bytes)
  } else if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new MsgpackError(`${value} is no int: wrap floats in Float`)
    writeInt(value)
  } else if (value === null) {
    putByte(0xc0)
  } else if (typeof value === 'boolean') {
    putByte(value ? 0xc3 : 0xc2)
  } else if (typeof value === 'bigint') {
    writeBigInt(value)
  } else if (Array.isArray(value)) {
    writeHead(value.length, 0x90, 15, 0xdc)
    for (const item of value) write(item)
  } else if (value instanceof Uint8Array) {
    writeSized(value, 0xc4)
  } else if (value instanceof Float) {
    const pos = room(9)
    scratch[pos] = 0xcb
    scratch.writeDoubleBE(value.value, pos + 1)
  } else if (value instanceof PackMap) {
    writeHead(value.entries.length, 0x80, 15, 0xde)
    for (const [key, item] of value.entries) {
      write(key)
      write(item)
    }
  } else if (value instanceof RawStr) {
    writeText(value.bytes)
  } else if (value instanceof Ext) {
    writeExt(value)
  } else {
    throw new MsgpackError(`${typeof value} is not a msgpack value`)
  }
}

function writeInt(value: number): void {
  if (value >= 0) {
    if (value <= 0x7f) putByte(value)
    else if (value <= 0xff) tagged8(0xcc, value)
    else if (value <= 0xffff) tagged16(0xcd, value)
    else if (value <= 0xffffffff) tagged32(0xce, value)
    else {
      const pos = room(9)
      scratch[pos] = 0xcf
      scratch.writeUInt32BE(Math.floor(value / 0x100000000), pos + 1)
      scratch.writeUInt32BE(value % 0x100000000, pos + 5)
    }
  } else if (value >= -0x20) putByte(value & 0xff)
  else if (value >= -0x80) tagged8(0xd0, value & 0xff)
  else if (value >= -0x8000) tagged16(0xd1, value & 0xffff)
  else if (value >= -0x80000000) tagged32(0xd2, value >>> 0)
  else tagged64(0xd3, BigInt.asUintN(64, BigInt(value)))
}

function writeBigInt(value: bigint): void {
  const int = small(value)
  if (typeof int === 'number') writeInt(int)
  else if (value > 0n && value < 1n << 64n) tagged64(0xcf, value)
  else if (value < 0n && value >= -(1n << 63n)) tagged64(0xd3, BigInt.asUintN(64, value))
  else throw new MsgpackError(`int ${value} does not fit into 64 bits`)
}

// room() may replace `scratch`, so read `scratch` after that call: in `scratch.write(room())` it would be the old
// buffer.

function putByte(byte: number): void {
  const pos = room(1)
  scratch[pos] = byte
}

function putBytes(bytes: Uint8Array): void {
  const pos = room(bytes.length)
  scratch.set(bytes, pos)
}

function tagged8(tag: number, value: number): void {
  const pos = room(2)
  scratch[pos] = tag
  scratch[pos + 1] = value
}

function tagged16(tag: number, value: number): void {
  const pos = room(3)
  scratch[pos] = tag
  scratch.writeUInt16BE(value, pos + 1)
}

function tagged32(tag: number, value: number): void {
  const pos = room(5)
  scratch[pos] = tag
  scratch.writeUInt32BE(value, pos + 1)
}

function tagged64(tag: number, value: bigint): void {
  const pos = room(9)
  scratch[pos] = tag
  scratch.writeBigUInt64BE(value, pos + 1)
}

/** The head of an array or map: `fix` + length up to `most`, else `tag16`, or the tag after it for 32-bit lengths. */
function writeHead(length: number, fix: number, most: number, tag16: number): void {
  if (length <= most) putByte(fix | length)
  else if (length <= 0xffff) tagged16(tag16, length)
  else tagged32(tag16 + 1, length)
}

function writeText(bytes: Uint8Array): void {
  if (bytes.length <= 31) {
    const pos = room(1 + bytes.length)
    scratch[pos] = 0xa0 | bytes.length
    scratch.set(bytes, pos + 1)
  } else writeSized(bytes, 0xd9)
}

function writeSized(bytes: Uint8Array, tag8: number): void {
  if (bytes.length <= 0xff) tagged8(tag8, bytes.length)
  else if (bytes.length <= 0xffff) tagged16(tag8 + 1, bytes.length)
  else tagged32(tag8 + 2, bytes.length)
  putBytes(bytes)
}

function writeExt(ext: Ext): void {
  const fixed = [1, 2, 4, 8, 16].indexOf(ext.data.length)
  if (fixed >= 0) putByte(0xd4 + fixed)
  else if (ext.data.length <= 0xff) tagged8(0xc7, ext.data.length)
  else if (ext.data.length <= 0xffff) tagged16(0xc8, ext.data.length)
  else tagged32(0xc9, ext.data.length)
  putByte(ext.type & 0xff)
  putBytes(ext.data)
}

/** An int as a `number` when it fits, else as a `bigint`. */
export function small(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}
