import { BUID_BYTES } from './buid'
import { flushRun } from './env'
import { grown } from './memory'
import { copy } from './spans'

const FIRST_GROUPS: u32 = 1 << 10
const FIRST_RUNS: u32 = 1 << 8
const FIRST_KEY_BYTES: u32 = 1 << 14
/** What a row has beside its index: a `u16` with its length, and the buid. */
export const ROW_BYTES: u32 = 34
export const MOST_ROW_BYTES: u32 = ROW_BYTES + 0xffff

/** The content of a file of runs, on its way there. */
@unmanaged
export class RunOut {
  // JavaScript reads and writes these, at these offsets.
  bytes: usize
  used: u32
  /** How much of the content is in the file already. */
  flushed: f64

  private most: u32

  get position(): f64 {
    return this.flushed + <f64>this.used
  }

  /** Has JavaScript write whole blocks when there are enough. */
  begin(most: u32): void {
    this.most = most
    this.bytes = heap.alloc(most + MOST_ROW_BYTES)
    this.used = 0
    this.flushed = 0
  }

  /** Adds a row that is as it has to be. */
  put(row: usize, bytes: u32): void {
    copy(this.bytes + this.used, row, bytes)
    this.end(bytes)
  }

  /** Adds a row, `u16 length, index, buid`. */
  putIndex(index: usize, indexBytes: u32, buid: usize): void {
    const at = this.bytes + this.used
    store<u16>(at, <u16>indexBytes)
    copy(at + 2, index, indexBytes)
    copy(at + 2 + indexBytes, buid, BUID_BYTES)
    this.end(ROW_BYTES + indexBytes)
  }

  private end(bytes: u32): void {
    this.used += bytes
    if (this.used >= this.most) flushRun(changetype<usize>(this))
  }
}

/** What the footer of a file says of the groups of one database: src/run/section-notes.ts reads the fields. */
@unmanaged
export class RunSection {
  groups: u32
  entries: u32
  runs: u32
  /** By group, in the order of the file: its names, how many rows it has, where they end. */
  a: usize
  b: usize
  counts: usize
  ends: usize
  /** By run: where its rows start, and where its groups end. */
  starts: usize
  runEnds: usize
  /** Entry points of groups with several: the number of the group, the position, where the index there ends in `keys`. */
  entryGroups: usize
  entryStarts: usize
  keyEnds: usize
  keys: usize

  private groupRoom: u32
  private entryRoom: u32
  private runRoom: u32
  private keyRoom: u32
  private keyBytes: u32

  start(): void {
    this.groupRoom = FIRST_GROUPS
    this.a = heap.alloc(4 * FIRST_GROUPS)
    this.b = heap.alloc(4 * FIRST_GROUPS)
    this.counts = heap.alloc(4 * FIRST_GROUPS)
    this.ends = heap.alloc(8 * FIRST_GROUPS)
    this.entryRoom = FIRST_GROUPS
    this.entryGroups = heap.alloc(4 * FIRST_GROUPS)
    this.entryStarts = heap.alloc(8 * FIRST_GROUPS)
    this.keyEnds = heap.alloc(4 * FIRST_GROUPS)
    this.keyRoom = FIRST_KEY_BYTES
    this.keys = heap.alloc(FIRST_KEY_BYTES)
    this.runRoom = FIRST_RUNS
    this.starts = heap.alloc(8 * FIRST_RUNS)
    this.runEnds = heap.alloc(4 * FIRST_RUNS)
    this.clear()
  }

  clear(): void {
    this.groups = 0
    this.entries = 0
    this.runs = 0
    this.keyBytes = 0
  }

  beginRun(position: f64): void {
    if (this.runs == this.runRoom) this.growRuns()
    store<f64>(this.starts + 8 * this.runs, position)
  }

  beginGroup(a: i32, b: i32): void {
    if (this.groups == this.groupRoom) this.growGroups()
    const i = this.groups++
    store<i32>(this.a + 4 * i, a)
    store<i32>(this.b + 4 * i, b)
  }

  /** Adds an entry point to the last group: the row at `position` has this index. */
  enter(position: f64, index: usize, indexBytes: u32): void {
    if (this.entries == this.entryRoom) this.growEntries()
    while (this.keyBytes + indexBytes > this.keyRoom) {
      this.keys = grown(this.keys, this.keyRoom)
      this.keyRoom *= 2
    }
    const i = this.entries++
    copy(this.keys + this.keyBytes, index, indexBytes)
    this.keyBytes += indexBytes
    store<u32>(this.entryGroups + 4 * i, this.groups - 1)
    store<f64>(this.entryStarts + 8 * i, position)
    store<u32>(this.keyEnds + 4 * i, this.keyBytes)
  }

  endGroup(position: f64, rows: u32): void {
    const i = this.groups - 1
    store<f64>(this.ends + 8 * i, position)
    store<u32>(this.counts + 4 * i, rows)
  }

  endRun(): void {
    store<u32>(this.runEnds + 4 * this.runs++, this.groups)
  }

  /** Forgets the entry point of the last group if it has one, which is where the group starts. */
  dropLone(): void {
    const group = this.groups - 1
    const last = this.entries - 1
    if (this.entries == 0 || this.groupOf(last) != group || (last > 0 && this.groupOf(last - 1) == group)) return
    this.entries = last
    this.keyBytes = last == 0 ? 0 : load<u32>(this.keyEnds + 4 * (last - 1))
  }

  private groupOf(entry: u32): u32 {
    return load<u32>(this.entryGroups + 4 * entry)
  }

  private growRuns(): void {
    this.starts = grown(this.starts, 8 * this.runRoom)
    this.runEnds = grown(this.runEnds, 4 * this.runRoom)
    this.runRoom *= 2
  }

  private growGroups(): void {
    const room = this.groupRoom
    this.a = grown(this.a, 4 * room)
    this.b = grown(this.b, 4 * room)
    this.counts = grown(this.counts, 4 * room)
    this.ends = grown(this.ends, 8 * room)
    this.groupRoom = 2 * room
  }

  private growEntries(): void {
    const room = this.entryRoom
    this.entryGroups = grown(this.entryGroups, 4 * room)
    this.entryStarts = grown(this.entryStarts, 8 * room)
    this.keyEnds = grown(this.keyEnds, 4 * room)
    this.entryRoom = 2 * room
  }
}

/** Content that JavaScript writes whenever there are `most` bytes of it. */
export function newRunOut(most: u32): RunOut {
  const out = changetype<RunOut>(heap.alloc(offsetof<RunOut>()))
  out.begin(most)
  return out
}

export function newSection(): RunSection {
  const section = changetype<RunSection>(heap.alloc(offsetof<RunSection>()))
  section.start()
  return section
}

export function clearSection(section: RunSection): void {
  section.clear()
}
