import { BUID_BYTES } from '../bytes/buid.js'
import { type Kernel, kernel, type MergeHost } from '../kernel/kernel.js'
import { RunReader, roomFor } from './run-blocks.js'

const MIB = 1 << 20
/** No row is longer, whatever its length field says. */
const READ_BYTES = 66 << 10
/** How much the readers of a merge read at a time, in total. Each reads at least a minimum of several rows. */
const ALL_READ_BYTES = 8 << 20
const LEAST_READ_BYTES = 8 << 10
/** Of the longest prefix. The kernel puts it before an index, which may be the first in its buffer. */
const PREFIX_BYTES = 16

/** Where the fields of the kernel's `RunMerge` are, and those of its `Reader` (src/kernel/assembly/run-merge.ts). */
const Field = { readers: 0, group: 4, rows: 8, refused: 16, refusedBytes: 20 } as const
const ReaderField = { at: 0, end: 4, left: 8 } as const
const READER_BYTES = 48
/** Of a group in its list (src/kernel/assembly/group-chains.ts). */
export const GROUP_WORDS = 3

/** A part of one run: rows of consecutive groups. */
export interface Segment {
  readonly path: string
  readonly start: number
  readonly end: number
}

/**
 * Merges rows of segments group by group, in the order of their index bytes. The kernel merges; this reads the runs. Say
 * which segments have rows of the next group, in run order, then where the rows go. `close()` it, whatever happens.
 */
export class RunMerge implements MergeHost {
  private readonly kernel = kernel()
  private readonly at: number
  private readonly prefix: number
  private readonly sources: readonly Source[]
  /** What to release in the end. */
  private readonly owned: number[] = []
  /** How many segments have rows of the next group. */
  private taken = 0
  private listAt = 0
  private listRoom = 0

  constructor(segments: readonly Segment[]) {
    const { calls, merges } = this.kernel
    const readBytes = readBytesFor(segments.length)
    this.prefix = this.allocate(PREFIX_BYTES)
    this.at = calls.newMerge(segments.length)
    merges.set(this.at, this)
    const readers = this.field(Field.readers)
    this.sources = segments.map((segment, i) => new Source(segment, readers + i * READER_BYTES, readBytes))
  }

  /**
   * Reads at once what lies together in a file, if all of it is not too much: small runs are many, and each read would take
   * a few blocks. For `toRun()` alone, as `toPages()` writes before its rows. The room is of few sizes, as in
   * `readBytesFor()`.
   */
  readTogether(): void {
    const regions = regionsOf(this.sources.map(({ segment }) => segment))
    if (regions.reduce((sum, { start, end }) => sum + end - start, 0) > ALL_READ_BYTES) return
    const bytes = regions.reduce((sum, { start, end }) => sum + roomFor(end - start), 0)
    let buf = this.allocate(Math.ceil(bytes / MIB) * MIB)
    for (const { path, start, end, first, last } of regions) {
      const room = roomFor(end - start)
      const at = buf + new RunReader(path).read(start, end - start, Buffer.from(this.kernel.mem.buffer, buf, room))
      for (const source of this.sources.slice(first, last))
        source.isAt(this.kernel.view, at + source.segment.start - start)
      buf += room
    }
  }

  /** The rows until now. */
  get rows(): number {
    return Number(this.kernel.view.getBigUint64(this.at + Field.rows, true))
  }

  /** Where the next row of a segment starts in the content of its run. */
  position(segment: number): number {
    return this.sources[segment].position(this.kernel.view)
  }

  /** The next group has `count` rows of this segment. */
  take(segment: number, count: number): void {
    const { view } = this.kernel
    const { reader } = this.sources[segment]
    view.setUint32(reader + ReaderField.left, count, true)
    view.setUint32(reader + ReaderField.left + 4, 0, true)
    view.setUint32(this.field(Field.group) + 4 * this.taken++, reader, true)
  }

  /** The next group has all rows with an index of at least `gte` (null: any) and below `lt`. */
  takeRange(gte: Uint8Array | null, lt: Uint8Array | null): void {
    for (const segment of this.sources.keys()) this.take(segment, 0)
    const [from, to] = [gte, lt].map((index) => (index === null ? 0 : this.copyOf(index)))
    this.kernel.calls.takeRange(this.at, from, gte?.length ?? 0, to, lt?.length ?? 0)
  }

  /**
   * Adds the group's rows to a builder of pages, as `prefix index -> buid`.
   *
   * @param pages address of its `LeafPages` in the kernel
   * @param prefix at most 16 bytes
   * @returns what `addRow()` returned: 0, or what is wrong with the row that `refused()` returns
   */
  toPages(pages: number, prefix: Uint8Array): number {
    this.kernel.mem.set(prefix, this.prefix)
    return this.kernel.calls.mergeToPages(this.at, this.group(), pages, this.prefix, prefix.length)
  }

  /**
   * Makes room in the kernel for a list of groups.
   *
   * @returns three numbers for each group of each segment, in order: its two names, and how many rows (-1: all that
   *   `takeRange()` leaves); and for each segment where its groups end among all. Fill them at once
   */
  groupList(groups: number): { list: Int32Array; ends: Int32Array } {
    const bytes = 4 * (GROUP_WORDS * groups + this.sources.length)
    if (bytes > this.listRoom) {
      if (this.listRoom > 0) this.kernel.calls.release(this.listAt)
      this.listAt = this.kernel.calls.allocate(bytes)
      this.listRoom = bytes
    }
    const { buffer } = this.kernel.mem
    const ends = new Int32Array(buffer, this.listAt, this.sources.length)
    return { list: new Int32Array(buffer, this.listAt + ends.byteLength, GROUP_WORDS * groups), ends }
  }

  /**
   * Adds the rows of the groups of `groupList()` to another run, as a section.
   *
   * @param out address of a `RunOut` in the kernel
   * @param section address of a `RunSection` there
   * @param blockBytes the distance between entry points
   * @returns the number of a segment whose groups are in another order, or -1
   */
  toRun(out: number, section: number, blockBytes: number): number {
    const list = this.listAt + 4 * this.sources.length
    return this.kernel.calls.mergeToRun(this.at, list, this.listAt, out, section, blockBytes)
  }

  refused(): { key: Uint8Array; value: Uint8Array } {
    const { mem } = this.kernel
    const start = this.field(Field.refused)
    const end = start + this.field(Field.refusedBytes)
    return { key: mem.subarray(start, end), value: mem.subarray(end, end + BUID_BYTES) }
  }

  close(): void {
    const { calls, merges } = this.kernel
    for (const { buf } of this.sources) if (buf !== 0) calls.release(buf)
    for (const at of this.owned) calls.release(at)
    if (this.listRoom > 0) calls.release(this.listAt)
    calls.freeMerge(this.at)
    merges.delete(this.at)
  }

  refill(reader: number): number {
    return this.sources[reader].fill(this.kernel) ? 1 : 0
  }

  private field(field: number): number {
    return this.kernel.view.getUint32(this.at + field, true)
  }

  /** How many readers the group has. */
  private group(): number {
    const { taken } = this
    this.taken = 0
    return taken
  }

  private copyOf(bytes: Uint8Array): number {
    const at = this.allocate(bytes.length)
    this.kernel.mem.set(bytes, at)
    return at
  }

  private allocate(bytes: number): number {
    const at = this.kernel.calls.allocate(bytes)
    this.owned.push(at)
    return at
  }
}

/** Reads a segment into the memory of the kernel. */
class Source {
  /** Its buffer in the kernel, from the first read on. */
  buf = 0
  private run: RunReader | null = null
  private readonly readBytes: number
  /** What to add to an address in the buffer for the position in the run. */
  private offset: number

  /** @param reader address of the kernel's `Reader` */
  constructor(
    readonly segment: Segment,
    readonly reader: number,
    readBytes: number,
  ) {
    this.offset = segment.start
    this.readBytes = Math.min(readBytes, segment.end - segment.start)
  }

  position(view: DataView): number {
    return this.offset + view.getUint32(this.reader + ReaderField.at, true)
  }

  /** Says that all of its rows are at an address. */
  isAt(view: DataView, at: number): void {
    const { start, end } = this.segment
    view.setUint32(this.reader + ReaderField.at, at, true)
    view.setUint32(this.reader + ReaderField.end, at + end - start, true)
    this.offset = start - at
  }

  /** Reads on from the next row; false at the end. */
  fill(kernel: Kernel): boolean {
    const { reader, segment, readBytes } = this
    const position = this.position(kernel.view)
    const bytes = Math.min(segment.end - position, readBytes)
    if (bytes <= 0) return false
    const room = roomFor(readBytes)
    if (this.buf === 0) this.buf = kernel.calls.allocate(PREFIX_BYTES + room)
    const from = this.buf + PREFIX_BYTES
    // A merge may have more runs than a process may have open files, so each file is open only during a read.
    this.run ??= new RunReader(segment.path)
    const at = from + this.run.read(position, bytes, Buffer.from(kernel.mem.buffer, from, room))
    const { view } = kernel
    view.setUint32(reader + ReaderField.at, at, true)
    view.setUint32(reader + ReaderField.end, at + bytes, true)
    this.offset = position - at
    return true
  }
}

/** Segments `[first, last)` that follow each other in one file. */
interface Region {
  readonly path: string
  readonly start: number
  end: number
  readonly first: number
  last: number
}

function regionsOf(segments: readonly Segment[]): Region[] {
  const regions: Region[] = []
  for (let i = 0; i < segments.length; i++) {
    const { path, start, end } = segments[i]
    const before = regions.at(-1)
    if (before?.path === path && before.end <= start) {
      before.end = end
      before.last = i + 1
    } else {
      regions.push({ path, start, end, first: i, last: i + 1 })
    }
  }
  return regions
}

/**
 * How much each reader reads at a time: long pieces, but a thread's buffers must not grow with the number of runs. There
 * are few sizes, so that most merges find the room that the one before has left.
 */
function readBytesFor(readers: number): number {
  if (readers * READ_BYTES <= ALL_READ_BYTES) return READ_BYTES
  return Math.max(LEAST_READ_BYTES, 2 ** Math.floor(Math.log2(ALL_READ_BYTES / readers)))
}
