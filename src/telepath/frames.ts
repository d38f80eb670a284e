import { MsgpackError } from '../bytes/msgpack.js'

/**
 * Cuts a byte stream into its msgpack objects, however the bytes were grouped on the way.
 *
 * Each byte is looked at once. Only what has arrived is ever allocated, at most twice `maxBytes`; an object that is longer,
 * or announces more elements than fit into it, is refused as soon as that is seen. The objects are views: of the chunk
 * when they lie within one, else of a buffer of their own. What the bytes mean (text, depth) is for the decoder to check.
 */
export class FrameSplitter {
  private buf: Uint8Array = EMPTY
  /** Whether `buf` was allocated here, and not by the socket. */
  private own = false
  private end = 0
  /** Where the object under way starts, and up to where it was scanned. */
  private start = 0
  private pos = 0
  /** Values still to come until the object is complete. */
  private open = 1

  constructor(public maxBytes: number) {}

  /** Bytes of an object that has begun and not ended. */
  get pendingBytes(): number {
    return this.end - this.start
  }

  /**
   * @throws {MsgpackError} for a byte that starts no value, and an object beyond `maxBytes`; the stream is then lost
   */
  push(chunk: Uint8Array): Uint8Array[] {
    this.append(chunk)
    const frames: Uint8Array[] = []
    while (this.scan()) {
      frames.push(this.buf.subarray(this.start, this.pos))
      this.start = this.pos
      this.open = 1
    }
    return frames
  }

  private append(chunk: Uint8Array): void {
    const rest = this.end - this.start
    if (rest === 0) {
      this.pos -= this.start
      this.start = 0
      this.buf = chunk
      this.own = false
      this.end = chunk.length
      return
    }
    const need = rest + chunk.length
    // Frames that were handed out are views of the old buffer: it may be appended to, but not moved within.
    if (this.buf.length - this.end < chunk.length || !this.own) {
      const double = this.start === 0 && this.own ? Math.min(2 * this.buf.length, this.maxBytes) : 0
      const grown = new Uint8Array(Math.max(need, double))
      grown.set(this.buf.subarray(this.start, this.end))
      this.buf = grown
      this.own = true
      this.pos -= this.start
      this.end = rest
      this.start = 0
    }
    this.buf.set(chunk, this.end)
    this.end += chunk.length
  }

  /** Moves `pos` to the end of the object under way; false when more bytes are needed. */
  private scan(): boolean {
    const buf = this.buf
    const end = this.end
    let pos = this.pos
    let open = this.open
    while (open > 0) {
      if (pos >= end) break
      const head = HEAD[buf[pos]]
      if (head === 0) throw new MsgpackError(`0x${buf[pos].toString(16)} starts no value`)
      if (pos + head > end) break
      const tag = buf[pos]
      open--
      if (tag >= 0x80 && tag <= 0x8f) open += 2 * (tag & 0x0f)
      else if (tag >= 0x90 && tag <= 0x9f) open += tag & 0x0f
      else if (tag >= 0xdc && tag <= 0xdf) open += (tag >= 0xde ? 2 : 1) * length(buf, pos, head)
      else pos += payload(buf, pos, head)
      pos += head
      if (pos - this.start + open > this.maxBytes) throw this.tooLong()
    }
    this.pos = pos
    this.open = open
    return open === 0 && pos <= end
  }

  private tooLong(): MsgpackError {
    return new MsgpackError(`it is longer than ${this.maxBytes} bytes`)
  }
}

const EMPTY = new Uint8Array(0)

/** Bytes of tag and length by tag; 0 for the tag that does not exist. */
const HEAD = new Uint8Array(256).fill(1)
HEAD[0xc1] = 0
for (const tag of [0xc4, 0xd9, 0xc7]) HEAD[tag] = 2
for (const tag of [0xc5, 0xda, 0xc8, 0xdc, 0xde]) HEAD[tag] = 3
for (const tag of [0xc6, 0xdb, 0xc9, 0xdd, 0xdf]) HEAD[tag] = 5

function length(buf: Uint8Array, pos: number, head: number): number {
  let value = 0
  for (let i = 1; i < head; i++) value = value * 256 + buf[pos + i]
  return value
}

/** Bytes behind tag and length that belong to the value itself. */
function payload(buf: Uint8Array, pos: number, head: number): number {
  const tag = buf[pos]
  if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f
  if (head > 1) return length(buf, pos, head) + (tag >= 0xc7 && tag <= 0xc9 ? 1 : 0)
  if (tag >= 0xca && tag <= 0xd3) return FIXED[tag - 0xca]
  if (tag >= 0xd4 && tag <= 0xd8) return 1 + (1 << (tag - 0xd4))
  return 0
}

/** float32, float64, uint8..uint64, int8..int64 */
const FIXED = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8]
