import { copy, hashOf, same } from './spans'

/** An entry: hash, number before the name, address and length of its bytes, value; 4 bytes each. */
const ENTRY_BYTES: u32 = 20
const FIRST_CAPACITY: u32 = 32

/** Finds a number by another number and the bytes of a name. Copies the names that are added. */
@unmanaged
export class NameMap {
  private count: u32 = 0
  private capacity: u32 = FIRST_CAPACITY
  private entries: usize = heap.alloc(FIRST_CAPACITY * ENTRY_BYTES)
  /** Number of an entry plus one; 0 is free. Twice as many as there is room for entries. */
  private slots: usize = cleared(2 * FIRST_CAPACITY)

  /** The value, or -1. */
  find(prefix: i32, name: usize, bytes: u32): i32 {
    const hash = slotHash(prefix, name, bytes)
    const mask = 2 * this.capacity - 1
    let slot = hash & mask
    while (true) {
      const number = load<u32>(this.slots + 4 * slot)
      if (number == 0) return -1
      const entry = this.entries + (number - 1) * ENTRY_BYTES
      if (isEntry(entry, hash, prefix, name, bytes)) return load<i32>(entry, 16)
      slot = (slot + 1) & mask
    }
  }

  /** Adds a name that the map does not have yet. */
  add(prefix: i32, name: usize, bytes: u32, value: i32): void {
    if (this.count == this.capacity) this.grow()
    const entry = this.entries + this.count * ENTRY_BYTES
    const kept = heap.alloc(max(bytes, 1))
    copy(kept, name, bytes)
    store<u32>(entry, slotHash(prefix, name, bytes))
    store<i32>(entry, prefix, 4)
    store<u32>(entry, kept, 8)
    store<u32>(entry, bytes, 12)
    store<i32>(entry, value, 16)
    this.place(this.count++)
  }

  clear(): void {
    for (let i: u32 = 0; i < this.count; i++) heap.free(load<u32>(this.entries + i * ENTRY_BYTES, 8))
    this.count = 0
    memory.fill(this.slots, 0, 8 * this.capacity)
  }

  private place(number: u32): void {
    const mask = 2 * this.capacity - 1
    let slot = load<u32>(this.entries + number * ENTRY_BYTES) & mask
    while (load<u32>(this.slots + 4 * slot) != 0) slot = (slot + 1) & mask
    store<u32>(this.slots + 4 * slot, number + 1)
  }

  private grow(): void {
    const entries = heap.alloc(2 * this.capacity * ENTRY_BYTES)
    memory.copy(entries, this.entries, this.capacity * ENTRY_BYTES)
    heap.free(this.entries)
    heap.free(this.slots)
    this.entries = entries
    this.capacity *= 2
    this.slots = cleared(2 * this.capacity)
    for (let number: u32 = 0; number < this.count; number++) this.place(number)
  }
}

function isEntry(entry: usize, hash: u32, prefix: i32, name: usize, bytes: u32): bool {
  if (load<u32>(entry) != hash || load<i32>(entry, 4) != prefix || load<u32>(entry, 12) != bytes) return false
  return same(load<u32>(entry, 8), name, bytes)
}

function cleared(slots: u32): usize {
  const at = heap.alloc(4 * slots)
  memory.fill(at, 0, 4 * slots)
  return at
}

function slotHash(prefix: i32, name: usize, bytes: u32): u32 {
  return <u32>(hashOf(name, bytes, (<u64>(<u32>prefix)) << 32) >> 32)
}
