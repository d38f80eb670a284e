import { compareSpans, viewOf } from '../bytes/spans.js'
import { RunReader, roomFor } from './run-blocks.js'

/** No row is longer, whatever its length field says. */
const READ_BYTES = 66 << 10
/** How much the readers of a merge read at a time, in total. Each reads at least a minimum of several rows. */
const ALL_READ_BYTES = 8 << 20
const LEAST_READ_BYTES = 8 << 10

/** How much each reader reads at a time: long pieces, but a thread's buffers must not grow with the number of runs. */
export function readBytesFor(readers: number): number {
  return Math.max(LEAST_READ_BYTES, Math.min(READ_BYTES, Math.floor(ALL_READ_BYTES / readers)))
}

interface ReadBuffer {
  readonly buf: Buffer
  readonly view: DataView
}

const NOTHING: ReadBuffer = { buf: Buffer.alloc(0), view: new DataView(new ArrayBuffer(0)) }
/** Buffers for this thread's readers; the next merge reuses them. */
const unused: ReadBuffer[] = []
/** The last reader's old buffer. We do not refill it before the next fill, as the previous row may still be in it. */
let resting = NOTHING

/** A part of one run: rows of consecutive groups. */
export interface Segment {
  readonly path: string
  readonly start: number
  readonly end: number
}

/** Reads the rows of a segment one by one. `buf[keyStart, keyEnd)` is the index; the next 32 bytes are the buid. */
export class SegmentReader {
  /** A row stays valid while any reader reads one more row. */
  buf = NOTHING.buf
  view = NOTHING.view
  keyStart = 0
  keyEnd = 0
  /** The first four bytes of the index as a number, padded with zeros. Two different heads decide the order. */
  head = 0
  private own = NOTHING
  private bytes = 0
  private left = 0
  private lt: Uint8Array | null = null
  private readonly run: RunReader
  private bufPosition: number
  private at = 0

  /** @param readBytes how much to read at a time */
  constructor(
    private readonly segment: Segment,
    private readonly readBytes = READ_BYTES,
  ) {
    this.bufPosition = segment.start
    this.run = new RunReader(segment.path)
  }

  /** Where the next row starts in the content of the run. */
  get position(): number {
    return this.bufPosition + this.at
  }

  /** Limits the reader to the next `count` rows, those of one group. */
  take(count: number): void {
    this.left = count
  }

  /** Limits the reader to rows with an index of at least `gte` (null: any) and below `lt`. Skips those before. */
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

  /** Goes to the next row; false at the limit. */
  next(): boolean {
    if (this.left === 0) return false
    let { at } = this
    if (at + 34 > this.bytes || at + 34 + this.view.getUint16(at, true) > this.bytes) {
      if (!this.fill()) return false
      at = this.at
    }
    const { view } = this
    const length = view.getUint16(at, true)
    // Four bytes are always there, because the buid follows.
    const head = view.getUint32(at + 2)
    this.head = length >= 4 ? head : length === 0 ? 0 : (head & (-1 << (32 - 8 * length))) >>> 0
    this.keyStart = at + 2
    this.keyEnd = at + 2 + length
    this.at = at + 34 + length
    this.left--
    if (this.lt === null || compare(this.buf, this.keyStart, this.keyEnd, this.lt) < 0) return true
    this.left = 0
    return false
  }

  /** Stops reading and gives up its buffer. */
  close(): void {
    this.left = 0
    this.replace(NOTHING)
  }

  private fill(): boolean {
    const { segment } = this
    const position = this.bufPosition + this.at
    const left = segment.end - position
    if (left <= 0) {
      this.left = 0
      return false
    }
    const next = unused.pop() ?? newBuffer()
    this.replace(next)
    // A merge may have more runs than a process may have open files, so each file is open only during a read.
    const bytes = Math.min(left, this.readBytes)
    this.at = this.run.read(position, bytes, this.buf)
    this.bytes = this.at + bytes
    this.bufPosition = position - this.at
    return true
  }

  private replace(next: ReadBuffer): void {
    if (resting !== NOTHING) unused.push(resting)
    resting = this.own
    this.own = next
    this.buf = next.buf
    this.view = next.view
  }
}

function newBuffer(): ReadBuffer {
  const buf = Buffer.allocUnsafeSlow(roomFor(READ_BYTES))
  return { buf, view: viewOf(buf) }
}

/**
 * Merges the readers' remaining rows by index bytes. Rows with equal index come in run order, which is buid order,
 * because run n has lower buids than run n+1: no need to compare buids. A loser tree, so a row costs one comparison per
 * level.
 */
export function mergeRows(readers: readonly SegmentReader[], emit: (reader: SegmentReader) => void): void {
  const open = readers.filter((reader) => reader.next())
  if (open.length === 0) return
  const tree = new LoserTree(open)
  while (tree.openCount > 1) {
    const reader = open[tree.winner]
    emit(reader)
    const { buf, keyStart, keyEnd } = reader
    if (!reader.next()) tree.end()
    // If the next row of this run has the same index, it wins again: long series of duplicates need no comparison.
    else if (!sameKey(buf, keyStart, keyEnd, reader)) tree.replay()
  }
  const last = open[tree.winner]
  do emit(last)
  while (last.next())
}

/** A tournament of readers: the winner, and at each inner node the reader that lost there. */
class LoserTree {
  winner: number
  openCount: number
  private readonly losers: Int32Array
  private readonly isEnded: Uint8Array

  constructor(private readonly readers: readonly SegmentReader[]) {
    const count = readers.length
    this.openCount = count
    this.losers = new Int32Array(count)
    this.isEnded = new Uint8Array(count)
    // Nodes 1 to count-1 are inner nodes, count to 2*count-1 are the readers.
    const winners = new Int32Array(2 * count)
    for (let r = 0; r < count; r++) winners[count + r] = r
    for (let node = count - 1; node >= 1; node--) {
      const a = winners[2 * node]
      const b = winners[2 * node + 1]
      const isFirst = this.isBefore(a, b)
      winners[node] = isFirst ? a : b
      this.losers[node] = isFirst ? b : a
    }
    this.winner = winners[1]
  }

  /** The winner has no more rows. */
  end(): void {
    this.isEnded[this.winner] = 1
    this.openCount--
    this.replay()
  }

  /** The winner has another row. */
  replay(): void {
    const { losers } = this
    let best = this.winner
    for (let node = (best + losers.length) >> 1; node >= 1; node >>= 1) {
      const other = losers[node]
      if (!this.isBefore(other, best)) continue
      losers[node] = best
      best = other
    }
    this.winner = best
  }

  private isBefore(a: number, b: number): boolean {
    if (this.isEnded[a] !== this.isEnded[b]) return this.isEnded[a] === 0
    const x = this.readers[a]
    const y = this.readers[b]
    if (x.head !== y.head) return x.head < y.head
    const diff = compareSpans(x.view, x.keyStart, x.keyEnd - x.keyStart, y.view, y.keyStart, y.keyEnd - y.keyStart)
    return diff !== 0 ? diff < 0 : a < b
  }
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
