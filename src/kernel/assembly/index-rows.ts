import { grown } from './memory'

/** More than any index has, 503 bytes: sorting reads a word behind the last one. */
const INDEX_ROOM_BYTES: u32 = 512
const FIRST_ROWS: u32 = 1 << 12
const FIRST_BYTES: u32 = 1 << 16
const FIRST_GROUPS: u32 = 1 << 10

/**
 * Index rows of one destination database, unsorted: for each row its group, the number of its node, and where its index
 * lies in `bytes`. JavaScript reads the fields in this order, 4 bytes each: src/kernel/index-rows.ts.
 */
@unmanaged
export class IndexRows {
  count: u32
  used: u32
  groups: usize
  owners: usize
  starts: usize
  lengths: usize
  bytes: usize
  private rowRoom: u32
  private byteRoom: u32
  /** By group: what it is sorted by, or 0 if nobody has said so yet. */
  private keys: usize
  private keyRoom: u32

  /** The address at which the next index may be written. */
  reserve(): usize {
    if (this.used + INDEX_ROOM_BYTES > this.byteRoom) {
      this.bytes = grown(this.bytes, this.byteRoom)
      this.byteRoom *= 2
    }
    return this.bytes + this.used
  }

  /** Adds a row whose index was written at `reserve()`. */
  add(group: i32, owner: i32, bytes: u32): void {
    this.addShared(group, owner, this.used, bytes)
    this.used += bytes
  }

  /** Adds a row with the index bytes of another one. */
  addShared(group: i32, owner: i32, start: u32, bytes: u32): void {
    if (this.count == this.rowRoom) this.growRows()
    const i = this.count++
    store<i32>(this.groups + 4 * i, group)
    store<i32>(this.owners + 4 * i, owner)
    store<u32>(this.starts + 4 * i, start)
    store<u16>(this.lengths + 2 * i, <u16>bytes)
  }

  begin(): void {
    this.rowRoom = FIRST_ROWS
    this.byteRoom = FIRST_BYTES
    this.groups = heap.alloc(4 * FIRST_ROWS)
    this.owners = heap.alloc(4 * FIRST_ROWS)
    this.starts = heap.alloc(4 * FIRST_ROWS)
    this.lengths = heap.alloc(2 * FIRST_ROWS)
    this.bytes = heap.alloc(FIRST_BYTES)
    this.keys = heap.alloc(8 * FIRST_GROUPS)
    this.keyRoom = FIRST_GROUPS
    memory.fill(this.keys, 0, 8 * FIRST_GROUPS)
    this.count = 0
    this.used = 0
  }

  /** Every group that has a key is below this number. */
  get groupRoom(): u32 {
    return this.keyRoom
  }

  keyOf(group: u32): u64 {
    return group < this.keyRoom ? load<u64>(this.keys + 8 * group) : 0
  }

  /** Where the keys are, with room for those of groups below `count`. */
  keysFor(count: u32): usize {
    while (count > this.keyRoom) {
      this.keys = grown(this.keys, 8 * this.keyRoom)
      memory.fill(this.keys + 8 * this.keyRoom, 0, 8 * this.keyRoom)
      this.keyRoom *= 2
    }
    return this.keys
  }

  private growRows(): void {
    const room = this.rowRoom
    this.groups = grown(this.groups, 4 * room)
    this.owners = grown(this.owners, 4 * room)
    this.starts = grown(this.starts, 4 * room)
    this.lengths = grown(this.lengths, 2 * room)
    this.rowRoom = 2 * room
  }
}

export function newIndexRows(): IndexRows {
  const rows = changetype<IndexRows>(heap.alloc(offsetof<IndexRows>()))
  rows.begin()
  return rows
}

/** Adds a row. Returns where to put its index. */
export function addIndexRow(rows: IndexRows, group: i32, owner: i32, bytes: u32): usize {
  const at = rows.reserve()
  rows.add(group, owner, bytes)
  return at
}

export function clearIndexRows(rows: IndexRows): void {
  rows.count = 0
  rows.used = 0
}

/**
 * Where JavaScript puts the keys of groups below `count`, 8 bytes each: rows are sorted by the key of their group first.
 */
export function groupKeys(rows: IndexRows, count: u32): usize {
  return rows.keysFor(count)
}

export function forgetGroupKeys(rows: IndexRows): void {
  memory.fill(rows.keysFor(0), 0, 8 * rows.groupRoom)
}
