import { readAt } from './run-file.js'

const READ_BYTES = 1 << 17

/** A part of one run: rows of consecutive groups. */
export interface Segment {
  readonly fd: number
  readonly path: string
  readonly start: number
  readonly end: number
}

/** Reads the rows of a segment one by one; `buf[keyStart, keyEnd)` is the index, the 32 bytes behind it the buid. */
export class SegmentReader {
  buf: Buffer = Buffer.alloc(0)
  keyStart = 0
  keyEnd = 0
  private left = 0
  private lt: Uint8Array | null = null
  private bufPosition: number
  private at = 0

  constructor(private readonly segment: Segment) {
    this.bufPosition = segment.start
  }

  /** Limits the reader to the next `count` rows: those of one group. */
  take(count: number): void {
    this.left = count
  }

  /** Limits it to rows whose index is at least `gte` (null: any) and below `lt`; those before are passed over. */
  takeRange(gte: Uint8Array | null, lt: Uint8Array | null): void {
    this.left = Number.POSITIVE_INFINITY
    this.lt = lt
    if (gte === null) return
    while (this.next()) {
      if (compare(this.buf, this.keyStart, this.keyEnd, gte) < 0) continue
      this.at = this.keyStart - 2
      this.left++
      return
    }
  }

  /** Goes to the next row; false when there is none within the limit. */
  next(): boolean {
    if (this.left === 0) return false
    let { at } = this
    if (at + 2 > this.buf.length || at + 34 + this.buf.readUInt16LE(at) > this.buf.length) {
      if (!this.fill()) return false
      at = this.at
    }
    const length = this.buf[at] | (this.buf[at + 1] << 8)
    this.keyStart = at + 2
    this.keyEnd = at + 2 + length
    this.at = at + 34 + length
    this.left--
    if (this.lt === null || compare(this.buf, this.keyStart, this.keyEnd, this.lt) < 0) return true
    this.left = 0
    return false
  }

  private fill(): boolean {
    const position = this.bufPosition + this.at
    const bytes = this.segment.end - position
    if (bytes <= 0) {
      this.left = 0
      return false
    }
    this.buf = readAt(this.segment.fd, position, Math.min(bytes, READ_BYTES), this.segment.path)
    this.bufPosition = position
    this.at = 0
    return true
  }
}

/**
 * Merges what the readers have left by index bytes. Rows of equal index come in the order of the runs, and so in that of
 * their buids, as run n holds lower buids than run n+1: buids are never compared.
 */
export function mergeRows(readers: readonly SegmentReader[], emit: (reader: SegmentReader) => void): void {
  const heap: number[] = []
  for (let r = 0; r < readers.length; r++) if (readers[r].next()) heap.push(r)
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) siftDown(readers, heap, i)
  while (heap.length > 1) {
    const reader = readers[heap[0]]
    emit(reader)
    const { buf, keyStart, keyEnd } = reader
    if (!reader.next()) {
      heap[0] = heap[heap.length - 1]
      heap.pop()
    } else if (sameKey(buf, keyStart, keyEnd, reader)) {
      // The next row of this run wins again as long as its index is the same: long duplicates cost no comparison.
      continue
    }
    siftDown(readers, heap, 0)
  }
  if (heap.length === 0) return
  const last = readers[heap[0]]
  do emit(last)
  while (last.next())
}

function siftDown(readers: readonly SegmentReader[], heap: number[], from: number): void {
  const item = heap[from]
  let i = from
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(readers, heap[child + 1], heap[child])) child++
    if (!isBefore(readers, heap[child], item)) break
    heap[i] = heap[child]
    i = child
  }
  heap[i] = item
}

function isBefore(readers: readonly SegmentReader[], a: number, b: number): boolean {
  const x = readers[a]
  const y = readers[b]
  const shared = Math.min(x.keyEnd - x.keyStart, y.keyEnd - y.keyStart)
  const { buf: xBuf, keyStart: xStart } = x
  const { buf: yBuf, keyStart: yStart } = y
  for (let i = 0; i < shared; i++) {
    const diff = xBuf[xStart + i] - yBuf[yStart + i]
    if (diff !== 0) return diff < 0
  }
  const diff = x.keyEnd - x.keyStart - (y.keyEnd - y.keyStart)
  return diff !== 0 ? diff < 0 : a < b
}

function sameKey(buf: Buffer, start: number, end: number, reader: SegmentReader): boolean {
  const length = end - start
  if (reader.keyEnd - reader.keyStart !== length) return false
  for (let i = 0; i < length; i++) if (buf[start + i] !== reader.buf[reader.keyStart + i]) return false
  return true
}

function compare(buf: Uint8Array, start: number, end: number, key: Uint8Array): number {
  const shared = Math.min(end - start, key.length)
  for (let i = 0; i < shared; i++) {
    const diff = buf[start + i] - key[i]
    if (diff !== 0) return diff
  }
  return end - start - key.length
}
