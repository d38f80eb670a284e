import { copySpan, keptViewOf, viewOf } from '../bytes/spans.js'

/** A growing buffer of msgpack, made by copying spans of other buffers. */
export class EditBuffer {
  buf: Uint8Array = Buffer.allocUnsafeSlow(1 << 12)
  view: DataView = viewOf(this.buf)
  length = 0

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    const need = this.length + bytes
    if (need > this.buf.length) this.grow(need)
  }

  byte(value: number): void {
    this.reserve(1)
    this.buf[this.length++] = value
  }

  /** @param fromView a view of `from`, if the caller has one */
  span(from: Uint8Array, start: number, end: number, fromView: DataView = keptViewOf(from)): void {
    this.reserve(end - start)
    copySpan(this.buf, this.view, this.length, from, fromView, start, end)
    this.length += end - start
  }

  /** Copies a span, or writes null when it is absent (`start` < 0). */
  spanOrNull(from: Uint8Array, start: number, end: number, fromView: DataView): void {
    if (start < 0) this.byte(0xc0)
    else this.span(from, start, end, fromView)
  }

  /** An int of 0..65535. */
  uint16(value: number): void {
    this.reserve(3)
    if (value >= 0x100) {
      this.buf[this.length++] = 0xcd
      this.buf[this.length++] = value >> 8
    } else if (value >= 0x80) {
      this.buf[this.length++] = 0xcc
    }
    this.buf[this.length++] = value & 0xff
  }

  private grow(need: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(need, this.buf.length * 2))
    grown.set(this.buf.subarray(0, this.length))
    this.buf = grown
    this.view = viewOf(grown)
  }
}
