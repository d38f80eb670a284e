import { MsgpackError, RawStr } from './msgpack-value.js'

/** UTF-8 of a string, lone surrogates as three bytes each. */
export function utf8(text: string): Uint8Array {
  return text.isWellFormed() ? Buffer.from(text, 'utf8') : wtf8(text)
}

/**
 * Decodes `buf[start, end)` as UTF-8 that may hold lone surrogates.
 *
 * @throws {MsgpackError} when it is not UTF-8 in any other way
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

function isAscii(buf: Uint8Array, start: number, end: number): boolean {
  return asciiEnd(buf, start, end) === end
}

// Most values come from the same pages, or from the one other buffer that a caller takes in turn. So we keep two views: making
// one costs more than reading most texts.
let viewed: Uint8Array = new Uint8Array(0)
let view = new DataView(viewed.buffer)
let viewedBefore = viewed
let viewBefore = view

/** The position of the first non-ASCII byte, or `end`. Reads four bytes at a time, as most text is ASCII. */
export function asciiEnd(buf: Uint8Array, start: number, end: number): number {
  let i = start
  if (end - start >= 8) {
    if (buf !== viewed) takeView(buf)
    for (const last = end - 4; i <= last; i += 4) if ((view.getInt32(i, true) & 0x80808080) !== 0) break
  }
  while (i < end && buf[i] < 0x80) i++
  return i
}

function takeView(buf: Uint8Array): void {
  const other = viewBefore
  const isOther = buf === viewedBefore
  viewedBefore = viewed
  viewBefore = view
  viewed = buf
  view = isOther ? other : new DataView(buf.buffer, buf.byteOffset, buf.byteLength)
}

/** 'wtf8' when there are surrogates; 'raw' when JavaScript would join two of them into one character. */
export function utf8Kind(buf: Uint8Array, start: number, end: number): 'utf8' | 'wtf8' | 'raw' {
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
  return new MsgpackError(`text is not UTF-8 at byte ${offset}`)
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

/** Always a copy: `slice()` of a Buffer is a view. */
export function copyOf(buf: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(buf, start, end)
}

interface BufferSlices extends Buffer {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

export function asBuffer(buf: Uint8Array): BufferSlices {
  return (buf instanceof Buffer ? buf : Buffer.from(buf.buffer, buf.byteOffset, buf.byteLength)) as BufferSlices
}
