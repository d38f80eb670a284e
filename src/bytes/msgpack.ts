/**
 * msgpack exactly as Synapse uses it through msgpack-python: bin type on, strings as UTF-8 that may hold lone surrogates
 * (Python's `surrogatepass`), smallest-fit integers, every float as 64 bits, maps in insertion order with keys of any type.
 * A decoded value encodes to the same bytes again; what JavaScript would confuse has a class of its own.
 */

/** A float: 1.0 is not the int 1. */
export class Float {
  constructor(readonly value: number) {}
}

/** Text that no JavaScript string can hold: two adjacent surrogates that are not one astral character. */
export class RawStr {
  constructor(readonly bytes: Uint8Array) {}
}

/** A map: keys of any type, in the order of the bytes; of equal keys the last value wins at the first one's place. */
export class PackMap {
  constructor(readonly entries: [Value, Value][]) {}

  /** The value of a text key, or undefined. */
  get(key: string): Value | undefined {
    return this.entries.find(([k]) => k === key)?.[1]
  }
}

/** An extension value; Synapse stores none, but passes one through. */
export class Ext {
  constructor(
    readonly type: number,
    readonly data: Uint8Array,
  ) {}
}

/** `number` is an int within 2^53, `bigint` an int beyond it (64 bits at most when encoded). */
export type Value = null | boolean | number | bigint | Float | string | RawStr | Uint8Array | Value[] | PackMap | Ext

/** Bytes that are no msgpack, or a value that msgpack cannot hold. */
export class MsgpackError extends Error {
  override readonly name = 'MsgpackError'
}

/** msgpack-python gives up at this depth too. */
const MAX_DEPTH = 511

/**
 * Decodes the one value that fills `buf[start, end)`.
 *
 * @throws {MsgpackError} when the bytes are cut short, malformed, or some are left over
 */
export function decode(buf: Uint8Array, start = 0, end = buf.length): Value {
  const reader = new Reader(buf, start, end)
  const value = reader.value(0)
  if (reader.pos !== end) throw new MsgpackError(`${end - reader.pos} bytes behind the value`)
  return value
}

/** Decodes the value at `start`; also returns the position behind it, for streams of values. */
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
 * Walks over the value at `pos` without decoding it and returns the position behind it.
 *
 * @throws {MsgpackError} when it is cut short or holds text that is no UTF-8
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

/** UTF-8 of a string, lone surrogates as three bytes each. */
export function utf8(text: string): Uint8Array {
  return text.isWellFormed() ? Buffer.from(text, 'utf8') : wtf8(text)
}

/**
 * Decodes `buf[start, end)` as UTF-8 that may hold surrogates.
 *
 * @throws {MsgpackError} for anything else that is no UTF-8
 */
export function text(buf: Uint8Array, start = 0, end = buf.length): string | RawStr {
  const length = end - start
  if (isAscii(buf, start, end)) {
    if (length < 24) {
      let short = ''
      for (let i = start; i < end; i++) short += String.fromCharCode(buf[i])
      return short
    }
    return asBuffer(buf).latin1Slice(start, end)
  }
  const kind = utf8Kind(buf, start, end)
  if (kind === 'utf8') return asBuffer(buf).utf8Slice(start, end)
  return kind === 'wtf8' ? decodeWtf8(buf, start, end) : new RawStr(copyOf(buf, start, end))
}

/** Whether two values are equal as Python compares them: 1 == 1.0 == True, tuples and lists element by element. */
export function pyEquals(a: Value, b: Value): boolean {
  if (a === b) return true
  const x = asNumber(a)
  const y = asNumber(b)
  // A mixed comparison of bigint and number is exact in JavaScript, as it is in Python.
  // biome-ignore lint/suspicious/noDoubleEquals: int and bigint of equal value are equal
  if (x !== null && y !== null) return x == y
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => pyEquals(item, b[i] as Value))
  }
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (a instanceof RawStr) return b instanceof RawStr && Buffer.compare(a.bytes, b.bytes) === 0
  if (a instanceof Ext) return b instanceof Ext && a.type === b.type && Buffer.compare(a.data, b.data) === 0
  if (a instanceof PackMap) {
    if (!(b instanceof PackMap) || a.entries.length !== b.entries.length) return false
    return a.entries.every(([key, value]) => b.entries.some(([k, v]) => pyEquals(key, k) && pyEquals(value, v)))
  }
  return false
}

function asNumber(value: Value): number | bigint | null {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  if (value instanceof Float) return value.value
  return typeof value === 'boolean' ? Number(value) : null
}

// --- decoding ---------------------------------------------------------------------------------------------------------

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
    // A length that the bytes cannot hold must not allocate.
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

function small(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
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

/** A copy in any case: a Buffer's own slice() is a view. */
function copyOf(buf: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(buf, start, end)
}

interface BufferSlices extends Buffer {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

function asBuffer(buf: Uint8Array): BufferSlices {
  return (buf instanceof Buffer ? buf : Buffer.from(buf.buffer, buf.byteOffset, buf.byteLength)) as BufferSlices
}

// --- text ---------------------------------------------------------------------------------------------------------------

function isAscii(buf: Uint8Array, start: number, end: number): boolean {
  return asciiEnd(buf, start, end) === end
}

// Values come from pages that are read one after the other: the view of the last one is kept.
let viewed: Uint8Array = new Uint8Array(0)
let view = new DataView(viewed.buffer)

/** Where the first byte that is no ASCII lies, or `end`; four bytes at a time, as most text is ASCII. */
function asciiEnd(buf: Uint8Array, start: number, end: number): number {
  let i = start
  if (end - start >= 8) {
    if (buf !== viewed) {
      viewed = buf
      view = new DataView(buf.buffer, buf.byteOffset, buf.byteLength)
    }
    for (const last = end - 4; i <= last; i += 4) if ((view.getInt32(i, true) & 0x80808080) !== 0) break
  }
  while (i < end && buf[i] < 0x80) i++
  return i
}

/** 'wtf8' when there are surrogates, 'raw' when two of them would fuse to one character in a JavaScript string. */
function utf8Kind(buf: Uint8Array, start: number, end: number): 'utf8' | 'wtf8' | 'raw' {
  let kind: 'utf8' | 'wtf8' | 'raw' = 'utf8'
  let highEnd = -1 // where the last high surrogate ended
  let i = start
  while (i < end) {
    const lead = buf[i]
    if (lead < 0x80) {
      i++
      continue
    }
    const length = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) === 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0
    if (length === 0 || i + length > end) throw notUtf8(i - start)
    const second = buf[i + 1]
    if ((second & 0xc0) !== 0x80) throw notUtf8(i - start)
    if ((lead === 0xe0 && second < 0xa0) || (lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f)) {
      throw notUtf8(i - start)
    }
    for (let j = 2; j < length; j++) if ((buf[i + j] & 0xc0) !== 0x80) throw notUtf8(i - start)
    if (lead === 0xed && second >= 0xa0) {
      if (kind === 'utf8') kind = 'wtf8'
      if (second < 0xb0) highEnd = i + 3
      else if (highEnd === i) kind = 'raw'
    }
    i += length
  }
  return kind
}

function notUtf8(offset: number): MsgpackError {
  return new MsgpackError(`text is no UTF-8 at byte ${offset}`)
}

function decodeWtf8(buf: Uint8Array, start: number, end: number): string {
  let out = ''
  let plain = start
  for (let i = start; i < end; i++) {
    if (buf[i] !== 0xed || buf[i + 1] < 0xa0) continue
    out += asBuffer(buf).utf8Slice(plain, i)
    out += String.fromCharCode(0xd000 | ((buf[i + 1] & 0x3f) << 6) | (buf[i + 2] & 0x3f))
    i += 2
    plain = i + 1
  }
  return out + asBuffer(buf).utf8Slice(plain, end)
}

function wtf8(text: string): Uint8Array {
  const parts: Uint8Array[] = []
  for (const char of text) {
    const code = char.codePointAt(0) as number
    if (code >= 0xd800 && code <= 0xdfff) {
      parts.push(Uint8Array.of(0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)))
    } else {
      parts.push(Buffer.from(char, 'utf8'))
    }
  }
  return Buffer.concat(parts)
}

// --- encoding -----------------------------------------------------------------------------------------------------------

let scratch = Buffer.allocUnsafeSlow(1 << 16)
let scratchLength = 0

function encodeNested(value: Value): Uint8Array {
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
    throw new MsgpackError(`${typeof value} is no msgpack value`)
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

// `scratch` may be another buffer after room(): it is looked up behind it, never as the receiver of a call whose argument
// makes room.

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

/** An array's or a map's head: `fix` + length up to `most`, else `tag16`, or the tag behind it. */
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
