import { ByteListBuilder, startOf } from './byte-list.js'
import { equalSpans } from './spans.js'

/** Numbers byte strings from 0 in the order in which they are added, and finds the number of a span of any buffer. */
export class ByteIndex {
  /** The strings by their numbers. */
  readonly list = new ByteListBuilder()
  private hashes = new Int32Array(16)
  /** Number plus one; 0 is free. Never more than half full. */
  private slots = new Int32Array(32)

  get size(): number {
    return this.list.count
  }

  /** The number of `buf[start, end)`, or -1. */
  find(buf: Uint8Array, start: number, end: number): number {
    const hash = hashOf(buf, start, end)
    const { slots, hashes } = this
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] - 1
      if (entry < 0 || (hashes[entry] === hash && this.isEqual(entry, buf, start, end))) return entry
    }
  }

  /** Adds a string that the index does not have yet, and returns its number. */
  add(buf: Uint8Array, start: number, end: number): number {
    const entry = this.list.count
    if (entry === this.hashes.length) this.grow()
    this.list.add(buf, start, end)
    this.hashes[entry] = hashOf(buf, start, end)
    this.place(entry)
    return entry
  }

  private isEqual(entry: number, buf: Uint8Array, start: number, end: number): boolean {
    const { bytes, ends } = this.list
    return equalSpans(bytes, startOf(this.list, entry), ends[entry], buf, start, end)
  }

  private place(entry: number): void {
    const mask = this.slots.length - 1
    let slot = this.hashes[entry] & mask
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask
    this.slots[slot] = entry + 1
  }

  private grow(): void {
    const hashes = new Int32Array(this.hashes.length * 2)
    hashes.set(this.hashes)
    this.hashes = hashes
    this.slots = new Int32Array(hashes.length * 2)
    for (let entry = 0; entry < this.list.count; entry++) this.place(entry)
  }
}

/** Takes four bytes at a time, as names are looked up for each row. */
function hashOf(buf: Uint8Array, start: number, end: number): number {
  let hash = end - start
  let i = start
  for (; i + 4 <= end; i += 4) {
    const word = buf[i] | (buf[i + 1] << 8) | (buf[i + 2] << 16) | (buf[i + 3] << 24)
    hash = Math.imul(hash ^ word, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  for (; i < end; i++) hash = Math.imul(hash ^ buf[i], 0x01000193)
  return hash ^ (hash >>> 15)
}
