/**
 * msgpack exactly as Synapse uses it through msgpack-python: bin type on, strings as UTF-8 that may hold lone
 * surrogates (Python's `surrogatepass`), smallest-fit integers, every float as 64 bits, maps in insertion order with
 * keys of any type. A decoded value encodes to the same bytes again, so values that JavaScript would mix up have
 * classes of their own.
 */

import { encodeNested, small } from './msgpack-encode.js'
import { asBuffer, asciiEnd, copyOf, text, utf8Kind } from './msgpack-text.js'
import { asNumber, Ext, Float, MsgpackError, PackMap, type RawStr, type Value } from './msgpack-value.js'

export { encode } from './msgpack-encode.js'
export { text, utf8 } from './msgpack-text.js'
export { Ext, Float, MsgpackError, PackMap, pyEquals, RawStr, type Value } from './msgpack-value.js'

/** msgpack-python gives up at this depth too. */
const MAX_DEPTH = 511

/**
 * Decodes the one value that fills `buf[start, end)`.
 *
 * @throws {MsgpackError} when the bytes are cut short or malformed, or when some are left over
 */
export function decode(buf: Uint8Array, start = 0, end = buf.length): Value {
  const reader = new Reader(buf, start, end)
  const value = reader.value(0)
  if (reader.pos !== end) throw new MsgpackError(`${end - reader.pos} bytes behind the value`)
  return value
}

/** The same, or something else when the bytes are no value. */
export function decodeOr<Other>(other: Other, buf: Uint8Array, start = 0, end = buf.length): Value | Other {
  try {
    return decode(buf, start, end)
  } catch {
    return other
  }
}

/** Decodes the value at `start` and also returns the position after it, to read several values in a row. */
export function decodeAt(buf: Uint8Array, start: number, end = buf.length): { value: Value; end: number } {
  const reader = new Reader(buf, start, end)
  return { value: reader.value(0), end: reader.pos }
}

/** Whether the bytes are exactly one value. */
export function isMsgpack(buf: Uint8Array, start = 0, end = buf.length): boolean {
  try {
    return skip(buf, start, end) === end
  } catch (err) {
    if (err instanceof MsgpackError) return false
    throw err
  }
}

/**
 * Skips the value at `pos` without decoding it and returns the position after it.
 *
 * @throws {MsgpackError} when it is cut short or holds text that is not UTF-8
 */
export function skip(buf: Uint8Array, pos: number, end = buf.length, depth = 0): number {
  if (pos >= end) throw cutShort()
  const tag = buf[pos]
  if (tag <= 0x7f || tag >= 0xe0) return pos + 1
  if (tag <= 0x8f) return skipMany(buf, pos + 1, end, 2 * (tag & 0x0f), depth)
  if (tag <= 0x9f) return skipMany(buf, pos + 1, end, tag & 0x0f, depth)
  if (tag <= 0xbf) return skipText(buf, pos + 1, tag & 0x1f, end)
  switch (tag) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return pos + 1
    case 0xcc:
    case 0xd0:
      return within(pos + 2, end)
    case 0xcd:
    case 0xd1:
      return within(pos + 3, end)
    case 0xca:
    case 0xce:
    case 0xd2:
      return within(pos + 5, end)
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return within(pos + 9, end)
    case 0xd9:
      within(pos + 2, end)
      return skipText(buf, pos + 2, buf[pos + 1], end)
    case 0xda:
      within(pos + 3, end)
      return skipText(buf, pos + 3, u16(buf, pos + 1), end)
    case 0xdb:
      within(pos + 5, end)
      return skipText(buf, pos + 5, u32(buf, pos + 1), end)
    case 0xc4:
      within(pos + 2, end)
      return within(pos + 2 + buf[pos + 1], end)
    case 0xc5:
      within(pos + 3, end)
      return within(pos + 3 + u16(buf, pos + 1), end)
    case 0xc6:
      within(pos + 5, end)
      return within(pos + 5 + u32(buf, pos + 1), end)
    case 0xdc:
      within(pos + 3, end)
      return skipMany(buf, pos + 3, end, u16(buf, pos + 1), depth)
    case 0xdd:
      within(pos + 5, end)
      return skipMany(buf, pos + 5, end, u32(buf, pos + 1), depth)
    case 0xde:
      within(pos + 3, end)
      return skipMany(buf, pos + 3, end, 2 * u16(buf, pos + 1), depth)
    case 0xdf:
      within(pos + 5, end)
      return skipMany(buf, pos + 5, end, 2 * u32(buf, pos + 1), depth)
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return within(pos + 2 + (1 << (tag - 0xd4)), end)
    case 0xc7:
      within(pos + 3, end)
      return within(pos + 3 + buf[pos + 1], end)
    case 0xc8:
      within(pos + 4, end)
      return within(pos + 4 + u16(buf, pos + 1), end)
    case 0xc9:
      within(pos + 6, end)
      return within(pos + 6 + u32(buf, pos + 1), end)
    default:
      throw new MsgpackError(`0x${tag.toString(16)} starts no value`)
  }
}

class Reader {
  constructor(
    readonly buf: Uint8Array,
    public pos: number,
    readonly end: number,
  ) {}

  value(depth: number): Value {
    const { buf } = this
    const tag = buf[this.take(1)]
    if (tag <= 0x7f) return tag
    if (tag >= 0xe0) return tag - 0x100
    if (tag <= 0x8f) return this.map(tag & 0x0f, depth)
    if (tag <= 0x9f) return this.array(tag & 0x0f, depth)
    if (tag <= 0xbf) return this.text(tag & 0x1f)
    switch (tag) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
        return this.bytes(this.u8())
      case 0xc5:
        return this.bytes(this.u16())
      case 0xc6:
        return this.bytes(this.u32())
      case 0xc7:
        return this.ext(this.u8())
      case 0xc8:
        return this.ext(this.u16())
      case 0xc9:
        return this.ext(this.u32())
      case 0xca:
        return new Float(asBuffer(buf).readFloatBE(this.take(4)))
      case 0xcb:
        return new Float(asBuffer(buf).readDoubleBE(this.take(8)))
      case 0xcc:
        return this.u8()
      case 0xcd:
        return this.u16()
      case 0xce:
        return this.u32()
      case 0xcf:
        return small(asBuffer(buf).readBigUInt64BE(this.take(8)))
      case 0xd0:
        return asBuffer(buf).readInt8(this.take(1))
      case 0xd1:
        return asBuffer(buf).readInt16BE(this.take(2))
      case 0xd2:
        return asBuffer(buf).readInt32BE(this.take(4))
      case 0xd3:
        return small(asBuffer(buf).readBigInt64BE(this.take(8)))
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.ext(1 << (tag - 0xd4))
      case 0xd9:
        return this.text(this.u8())
      case 0xda:
        return this.text(this.u16())
      case 0xdb:
        return this.text(this.u32())
      case 0xdc:
        return this.array(this.u16(), depth)
      case 0xdd:
        return this.array(this.u32(), depth)
      case 0xde:
        return this.map(this.u16(), depth)
      case 0xdf:
        return this.map(this.u32(), depth)
      default:
        throw new MsgpackError(`0x${tag.toString(16)} starts no value`)
    }
  }

  private take(length: number): number {
    const start = this.pos
    this.pos = within(start + length, this.end)
    return start
  }

  private u8(): number {
    return this.buf[this.take(1)]
  }

  private u16(): number {
    return u16(this.buf, this.take(2))
  }

  private u32(): number {
    return u32(this.buf, this.take(4))
  }

  private text(length: number): string | RawStr {
    const start = this.take(length)
    return text(this.buf, start, this.pos)
  }

  private bytes(length: number): Uint8Array {
    const start = this.take(length)
    return copyOf(this.buf, start, this.pos)
  }

  private ext(length: number): Ext {
    const type = asBuffer(this.buf).readInt8(this.take(1))
    return new Ext(type, this.bytes(length))
  }

  private array(length: number, depth: number): Value[] {
    nested(depth)
    // Check first: a damaged length must not make us allocate gigabytes.
    within(this.pos + length, this.end)
    const items: Value[] = []
    for (let i = 0; i < length; i++) items.push(this.value(depth + 1))
    return items
  }

  private map(length: number, depth: number): PackMap {
    nested(depth)
    within(this.pos + 2 * length, this.end)
    const entries: [Value, Value][] = []
    const places = new Map<string, number>()
    for (let i = 0; i < length; i++) {
      const key = this.value(depth + 1)
      const value = this.value(depth + 1)
      const id = mapKeyId(key)
      const place = places.get(id)
      if (place === undefined) {
        places.set(id, entries.length)
        entries.push([key, value])
      } else {
        entries[place] = [entries[place][0], value]
      }
    }
    return new PackMap(entries)
  }
}

function mapKeyId(key: Value): string {
  if (typeof key === 'string') return `s${key}`
  const number = asNumber(key)
  return number === null ? Buffer.from(encodeNested(key)).toString('latin1') : `n${number}`
}

function nested(depth: number): void {
  if (depth >= MAX_DEPTH) throw new MsgpackError(`nested deeper than ${MAX_DEPTH}`)
}

function skipMany(buf: Uint8Array, pos: number, end: number, count: number, depth: number): number {
  nested(depth)
  let at = pos
  for (let i = 0; i < count; i++) at = skip(buf, at, end, depth + 1)
  return at
}

function skipText(buf: Uint8Array, start: number, length: number, end: number): number {
  const stop = within(start + length, end)
  const at = asciiEnd(buf, start, stop)
  if (at < stop) utf8Kind(buf, at, stop)
  return stop
}

function within(pos: number, end: number): number {
  if (pos > end) throw cutShort()
  return pos
}

function cutShort(): MsgpackError {
  return new MsgpackError('the value is cut short')
}

function u16(buf: Uint8Array, pos: number): number {
  return (buf[pos] << 8) | buf[pos + 1]
}

function u32(buf: Uint8Array, pos: number): number {
  return ((buf[pos] << 24) | (buf[pos + 1] << 16) | (buf[pos + 2] << 8) | buf[pos + 3]) >>> 0
}
