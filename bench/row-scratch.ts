import { encode, type Value } from '../src/bytes/msgpack.js'
import { viewOf } from '../src/bytes/spans.js'

/** Room for one row, filled piece by piece: millions of rows leave nothing to collect. Text must be ASCII. */
export class RowScratch {
  readonly bytes = new Uint8Array(1 << 20)
  length = 0
  private readonly view = viewOf(this.bytes)

  clear(): this {
    this.length = 0
    return this
  }

  raw(bytes: Uint8Array, start = 0, end = bytes.length): this {
    for (let i = start; i < end; i++) this.bytes[this.length++] = bytes[i]
    return this
  }

  ascii(text: string): this {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) throw new Error(`"${text}" is not ASCII`)
      this.bytes[this.length++] = code
    }
    return this
  }

  int64(value: number): this {
    this.view.setUint32(this.length, Math.floor(value / 0x1_0000_0000))
    this.view.setUint32(this.length + 4, value % 0x1_0000_0000)
    this.length += 8
    return this
  }

  arrayHead(count: number): this {
    this.bytes[this.length++] = 0x90 | count
    return this
  }

  mapHead(count: number): this {
    this.bytes[this.length++] = 0x80 | count
    return this
  }

  /** msgpack of a value; negative ints and text that is not ASCII are not possible. */
  pack(value: Value): this {
    if (typeof value === 'string') {
      this.head(value.length, 0xa0, 31, 0xd9)
      return this.ascii(value)
    }
    if (typeof value === 'number') {
      this.packInt(value)
    } else if (value === null) {
      this.bytes[this.length++] = 0xc0
    } else if (value instanceof Uint8Array) {
      this.head(value.length, 0, -1, 0xc4)
      this.raw(value)
    } else if (Array.isArray(value)) {
      this.arrayHead(value.length)
      for (const item of value) this.pack(item)
    } else {
      this.raw(encode(value))
    }
    return this
  }

  private packInt(value: number): void {
    if (value <= 0x7f) this.bytes[this.length++] = value
    else if (value <= 0xffff_ffff) this.sized(value, 0xcc)
    else {
      this.bytes[this.length++] = 0xcf
      this.int64(value)
    }
  }

  private head(size: number, fix: number, most: number, tag8: number): void {
    if (size <= most) this.bytes[this.length++] = fix | size
    else this.sized(size, tag8)
  }

  /** `tag8` and one byte, or the tag behind it and two, or the next and four. */
  private sized(value: number, tag8: number): void {
    const { view } = this
    if (value <= 0xff) {
      view.setUint8(this.length, tag8)
      view.setUint8(this.length + 1, value)
      this.length += 2
    } else if (value <= 0xffff) {
      view.setUint8(this.length, tag8 + 1)
      view.setUint16(this.length + 1, value)
      this.length += 3
    } else {
      view.setUint8(this.length, tag8 + 2)
      view.setUint32(this.length + 1, value)
      this.length += 5
    }
  }
}
