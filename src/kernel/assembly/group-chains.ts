import { grown } from './memory'
import { ENTRY_BYTES, entriesFor, sortEntries } from './sort-rows'

/**
 * A group of a run in a list: its two names (the second is -1 if keys have only one), and how many rows the run has of
 * it. `chainGroups()` puts in place of the names: the address of the same group of the next run that has it (0: none), and
 * the number of the run.
 */
const GROUP_BYTES: u32 = 12
const FIRST_CAPACITY: u32 = 1 << 10

/** For each of the groups that were found: its key, 4 bytes of 0, and the address of its first in the list. */
let found: usize = 0
let foundCount: u32 = 0
let capacity: u32 = 0
/** By hash of a key: the number of what was found plus one; 0 is free. Twice as many as there is room for. */
let slots: usize = 0
/** What was found, in the order of names. */
let sorted: usize = 0

/**
 * Links the groups of several runs that have the same names. They are in order then, until rows are sorted.
 *
 * @param list the groups of all runs, one run after the other, those of each in the order of their names
 * @param ends by run, where its groups end in the list
 * @returns the number of a run whose groups are in another order, or -1
 */
export function chainGroups(list: usize, ends: usize, runs: u32): i32 {
  clear()
  // From the last run to the first, as each takes its place before those that were found.
  for (let run = <i32>runs - 1; run >= 0; run--) {
    const start: u32 = run == 0 ? 0 : load<u32>(ends + 4 * (run - 1))
    const end = load<u32>(ends + 4 * run)
    let before: u64 = 0
    for (let i = start; i < end; i++) {
      const group = list + i * GROUP_BYTES
      const key = keyOf(group)
      if (key <= before) return run
      before = key
      const entry = entryOf(key)
      store<u32>(group, load<u32>(entry, 12))
      store<u32>(group, run, 4)
      store<u32>(entry, <u32>group, 12)
    }
  }
  const entries = entriesFor(foundCount)
  memory.copy(entries, found, foundCount * ENTRY_BYTES)
  sorted = sortEntries(foundCount)
  return -1
}

/** How many groups there are. */
export function groupCount(): u32 {
  return foundCount
}

export function firstName(group: u32): i32 {
  return load<i32>(sorted + group * ENTRY_BYTES, 4) - 1
}

export function secondName(group: u32): i32 {
  return load<i32>(sorted + group * ENTRY_BYTES) - 1
}

/** The address of the first run's group in the list. */
export function chainOf(group: u32): usize {
  return load<u32>(sorted + group * ENTRY_BYTES, 12)
}

/** The next of a chain; 0 after the last. */
export function nextOf(group: usize): usize {
  return load<u32>(group)
}

export function runOf(group: usize): u32 {
  return load<u32>(group, 4)
}

export function rowsOf(group: usize): u32 {
  return load<u32>(group, 8)
}

/** Ascends with the names. None is 0. */
function keyOf(group: usize): u64 {
  return ((<u64>(load<u32>(group) + 1)) << 32) | <u32>(load<u32>(group, 4) + 1)
}

function clear(): void {
  foundCount = 0
  if (capacity > 0) {
    memory.fill(slots, 0, 8 * capacity)
    return
  }
  found = heap.alloc(FIRST_CAPACITY * ENTRY_BYTES)
  makeSlots(FIRST_CAPACITY)
}

/** Where the group with a key is, which may be new. */
function entryOf(key: u64): usize {
  const mask = 2 * capacity - 1
  let slot = slotOf(key)
  while (true) {
    const number = load<u32>(slots + 4 * slot)
    if (number == 0) return add(key, slot)
    const entry = found + (number - 1) * ENTRY_BYTES
    if (load<u64>(entry) == key) return entry
    slot = (slot + 1) & mask
  }
}

function add(key: u64, slot: u32): usize {
  if (foundCount == capacity) {
    grow()
    return entryOf(key)
  }
  const entry = found + foundCount++ * ENTRY_BYTES
  store<u64>(entry, key)
  store<u64>(entry, 0, 8)
  store<u32>(slots + 4 * slot, foundCount)
  return entry
}

function grow(): void {
  found = grown(found, capacity * ENTRY_BYTES)
  heap.free(slots)
  makeSlots(2 * capacity)
  const mask = 2 * capacity - 1
  for (let i: u32 = 0; i < foundCount; i++) {
    let slot = slotOf(load<u64>(found + i * ENTRY_BYTES))
    while (load<u32>(slots + 4 * slot) != 0) slot = (slot + 1) & mask
    store<u32>(slots + 4 * slot, i + 1)
  }
}

function makeSlots(groups: u32): void {
  capacity = groups
  slots = heap.alloc(8 * groups)
  memory.fill(slots, 0, 8 * groups)
}

function slotOf(key: u64): u32 {
  return <u32>((key * 0x9e3779b97f4a7c15) >> 40) & (2 * capacity - 1)
}
