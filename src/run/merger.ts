import { viewOf } from '../bytes/spans.js'
import { RunReader, roomFor } from './run-blocks.js'

/** No row is longer, whatever its length field says. */
const READ_BYTES = 66 << 10
/** How much the readers of a merge read at a time, in total. Each reads at least a minimum of several rows. */
const ALL_READ_BYTES = 8 << 20
const LEAST_READ_BYTES = 8 << 10

/**
 * How much each reader reads at a time: long pieces, but a thread's buffers must not grow with the number of runs. There
 * are few sizes, so that most merges can reuse the buffers of the one before.
 */
export function readBytesFor(readers: number): number {
  if (readers * READ_BYTES <= ALL_READ_BYTES) return READ_BYTES
  return Math.max(LEAST_READ_BYTES, 2 ** Math.floor(Math.log2(ALL_READ_BYTES / readers)))
}

/**
 * A code says how a row differs from the row that was merged last: in which word of its index (4 bytes, padded with
 * zeros), and what it has there. The later the word, and then the smaller, the sooner the row comes. So the tree
 * compares codes, and reads the index only of rows with equal codes, after the words that they share. Databases call
 * this offset-value coding.
 */
const CODES_PER_WORD = 2 ** 34
/** An index has fewer words: its length is a number of 16 bits. */
const MOST_WORDS = 2 ** 14 + 1
/** The code of a row with the same index as the last one. */
const SAME = 0
/** The code of a reader without more rows. */
const ENDED = Number.POSITIVE_INFINITY
/** After its last word, an index has that word's length in place of a word, so shorter ones come first. */
const WORD_BASE = 8

interface ReadBuffer {
  readonly buf: Buffer
  readonly view: DataView
}

const NOTHING: ReadBuffer = { buf: Buffer.alloc(0), view: new DataView(new ArrayBuffer(0)) }
/** Buffers of one size for this thread's readers; the next merge reuses them if it has as many runs or so. */
let unused: ReadBuffer[] = []
let unusedBytes = 0
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

  get path(): string {
    return this.segment.path
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
    const length = this.view.getUint16(at, true)
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
    this.replace(takeBuffer(roomFor(this.readBytes)))
    // A merge may have more runs than a process may have open files, so each file is open only during a read.
    const bytes = Math.min(left, this.readBytes)
    this.at = this.run.read(position, bytes, this.buf)
    this.bytes = this.at + bytes
    this.bufPosition = position - this.at
    return true
  }

  private replace(next: ReadBuffer): void {
    if (resting.buf.length === unusedBytes) unused.push(resting)
    resting = this.own
    this.own = next
    this.buf = next.buf
    this.view = next.view
  }
}

function takeBuffer(bytes: number): ReadBuffer {
  if (bytes !== unusedBytes) unused = []
  unusedBytes = bytes
  const known = unused.pop()
  if (known !== undefined) return known
  const buf = Buffer.allocUnsafeSlow(bytes)
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
  tree.start(open)
  while (tree.openCount > 1) {
    const reader = open[tree.winner]
    emit(reader)
    const { view, keyStart, keyEnd } = reader
    if (!reader.next()) {
      tree.end()
      continue
    }
    const code = codeAfter(view, keyStart, keyEnd, reader, 0)
    // If the next row of this run has the same index, it wins again: long series of duplicates need no comparison.
    if (code !== SAME) tree.play(code)
  }
  const last = open[tree.winner]
  do emit(last)
  while (last.next())
}

/** A tournament of readers: the winner, and at each inner node the reader that lost there. */
class LoserTree {
  winner = 0
  openCount = 0
  private count = 0
  private readers: readonly SegmentReader[] = []
  private losers = new Int32Array(0)
  private winners = new Int32Array(0)
  /** The code of each reader's row; that of a loser is relative to the row that it lost to. */
  private codes = new Float64Array(0)

  /** Begins with each reader's first row. */
  start(readers: readonly SegmentReader[]): void {
    const count = readers.length
    this.openCount = count
    this.count = count
    this.readers = readers
    if (count > this.losers.length) {
      this.losers = new Int32Array(2 * count)
      this.winners = new Int32Array(4 * count)
      this.codes = new Float64Array(2 * count)
    }
    // Nodes 1 to count-1 are inner nodes, count to 2*count-1 are the readers.
    const { winners, losers, codes } = this
    for (let r = 0; r < count; r++) {
      const { view, keyStart, keyEnd } = readers[r]
      codes[r] = codeAt(view, keyStart, keyEnd, 0)
      winners[count + r] = r
    }
    for (let node = count - 1; node >= 1; node--) {
      const a = winners[2 * node]
      const b = winners[2 * node + 1]
      const isFirst = this.isBefore(a, b)
      winners[node] = isFirst ? a : b
      losers[node] = isFirst ? b : a
    }
    this.winner = winners[1]
  }

  /** The winner has no more rows. */
  end(): void {
    this.openCount--
    this.play(ENDED)
  }

  /** The winner has another row, with this code. */
  play(code: number): void {
    const { losers, codes } = this
    let best = this.winner
    codes[best] = code
    for (let node = (best + this.count) >> 1; node >= 1; node >>= 1) {
      const other = losers[node]
      if (!this.isBefore(other, best)) continue
      losers[node] = best
      best = other
    }
    this.winner = best
  }

  private isBefore(a: number, b: number): boolean {
    const { codes } = this
    const code = codes[a]
    // The loser's code stays as it is: where it differs from the last row, it differs from the winner.
    return code === codes[b] ? this.isBeforeAlike(a, b, code) : code < codes[b]
  }

  /** The same for two rows with equal codes; gives the loser its new one. */
  private isBeforeAlike(a: number, b: number, code: number): boolean {
    if (code === ENDED || code === SAME) return a < b
    const { readers, codes } = this
    const { view, keyStart, keyEnd } = readers[a]
    const alike = MOST_WORDS - Math.floor(code / CODES_PER_WORD)
    const codeOfB = codeAfter(view, keyStart, keyEnd, readers[b], alike)
    if (codeOfB === SAME) {
      codes[Math.max(a, b)] = SAME
      return a < b
    }
    const codeOfA = codeAt(view, keyStart, keyEnd, MOST_WORDS - Math.floor(codeOfB / CODES_PER_WORD))
    if (codeOfA < codeOfB) codes[b] = codeOfB
    else codes[a] = codeOfA
    return codeOfA < codeOfB
  }
}

/** The merge of this thread: groups may have few rows, so each uses the arrays of the one before. */
const tree = new LoserTree()

/** The code of a reader's row after a row with the index `view[start, end)`, with which it shares the first words. */
function codeAfter(view: DataView, start: number, end: number, reader: SegmentReader, words: number): number {
  const { view: own, keyStart, keyEnd } = reader
  const last = Math.min(end - start, keyEnd - keyStart) - 4
  let i = 4 * words
  while (i <= last && view.getInt32(start + i, true) === own.getInt32(keyStart + i, true)) i += 4
  for (let word = i >> 2; ; word++) {
    const code = codeAt(own, keyStart, keyEnd, word)
    if (code !== codeAt(view, start, end, word)) return code
    if (keyStart + 4 * word >= keyEnd) return SAME
  }
}

/** The code of the index `view[start, end)` after a row from which it differs in this word. */
function codeAt(view: DataView, start: number, end: number, word: number): number {
  const at = start + 4 * word
  const left = end - at
  const base = (MOST_WORDS - word) * CODES_PER_WORD
  if (left <= 0) return base + left + 4
  // Four bytes are always there, because the buid follows.
  const bytes = view.getUint32(at)
  return base + WORD_BASE + (left >= 4 ? bytes : (bytes & (-1 << (32 - 8 * left))) >>> 0)
}

function compare(buf: Uint8Array, start: number, end: number, key: Uint8Array): number {
  const shared = Math.min(end - start, key.length)
  for (let i = 0; i < shared; i++) {
    const diff = buf[start + i] - key[i]
    if (diff !== 0) return diff
  }
  return end - start - key.length
}
