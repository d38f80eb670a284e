import { MsgpackError } from '../bytes/msgpack.js'

/**
 * Cuts a byte stream into its msgpack objects, however the bytes were grouped in transit.
 *
 * Looks at each byte once. Allocates only for bytes that have arrived, at most twice `maxBytes`. Refuses an object as
 * soon as it is longer than that, or announces more elements than could fit. The objects are views: of the chunk if
 * they are within one, else of a buffer of its own. The decoder has to check what the bytes mean (text, depth).
 */
export class FrameSplitter {
  private buf: Uint8Array = EMPTY
  /** Whether we allocated `buf`, and not the socket. */
  private own = false
  private end = 0
  /** Where the current object starts, and how far we have scanned it. */
  private start = 0
  private pos = 0
  /** How many more values complete the object. */
  private open = 1

  constructor(public maxBytes: number) {}

  /** Bytes of an incomplete object. */
  get pendingBytes(): number {
    return this.end - this.start
  }

  /**
   * @throws {MsgpackError} for a byte that starts no value, or an object beyond `maxBytes`; the stream is then unusable
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
    // Frames already returned are views of the old buffer: we may append to it, but not move its content.
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

  /** Moves `pos` to the end of the current object; false when it needs more bytes. */
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

/** For each tag, how many bytes it and its length take; 0 for the tag that does not exist. */
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

/** How many bytes after tag and length belong to the value itself. */
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
