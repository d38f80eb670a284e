import { BUID_BYTES } from './buid'
import { IndexRows } from './index-rows'
import { ROW_BYTES, RunOut, RunSection } from './run-out'
import { compare } from './spans'

// Index rows are sorted by the key of their group, then by their index in LMDB's order (memcmp, shorter first). Rows of
// equal index stay in the order in which they were added, which is buid order.

/** An entry: eight bytes of the index as a number, how many of them the index has, and the number of the row. */
export const ENTRY_BYTES: u32 = 16
const WORD_BYTES: u32 = 8
/** Up to this many rows, comparing whole indexes is faster than entries. */
const FEW_ROWS: u32 = 6
/** Below this many rows, insertion is faster than merging. */
const INSERTION_ROWS: u32 = 12
/** From this many rows on, distributing them by one byte after another is faster than merging. */
const RADIX_ROWS: u32 = 256
/** The digits of an entry: how many bytes it has, then its bytes from the last to the first. */
const DIGITS: u32 = WORD_BYTES + 1
/** How many entries have each value of each digit. */
const histograms = memory.data(4 * 256 * 9, 4)
const FIRST_ROWS: u32 = 1 << 10
/** The rank of a group that has no rows. */
const NO_RANK: u32 = u32.MAX_VALUE

/** By group: its place among those that have rows. */
let ranks: usize = 0
let rankRoom: u32 = 0
/** Where the rows of each rank end in `order`, the numbers of the rows. */
let ends: usize = 0
let order: usize = 0
let entries: usize = 0
let others: usize = 0
let rowRoom: u32 = 0

/**
 * The groups that have rows but no key yet.
 *
 * @returns the address of how many there are, 4 bytes, and of their numbers behind it, until the next call
 */
export function freshGroups(rows: IndexRows): usize {
  let end: u32 = 0
  for (let i: u32 = 0; i < rows.count; i++) {
    const group = load<u32>(rows.groups + 4 * i)
    if (rows.keyOf(group) == 0) end = max(end, group + 1)
  }
  rows.keysFor(end)
  reserve(rows)
  const fresh = entries + 4
  let count: u32 = 0
  if (end > 0) {
    for (let i: u32 = 0; i < rows.count; i++) {
      const group = load<u32>(rows.groups + 4 * i)
      if (rows.keyOf(group) != 0 || load<u32>(ranks + 4 * group) != NO_RANK) continue
      store<u32>(ranks + 4 * group, 0)
      store<u32>(fresh + 4 * count++, group)
    }
  }
  for (let i: u32 = 0; i < count; i++) store<u32>(ranks + 4 * load<u32>(fresh + 4 * i), NO_RANK)
  store<u32>(entries, count)
  return entries
}

/**
 * Sorts the rows of a database and adds them to a run.
 *
 * @param buids 32 bytes for each owner
 * @param blockBytes how far apart the entry points of a group are
 * @returns false, and nothing is written, when a group has no key
 */
export function writeSection(rows: IndexRows, buids: usize, out: RunOut, section: RunSection, blockBytes: u32): bool {
  const groups = rankGroups(rows)
  if (groups == NO_RANK) return false
  sortRows(rows, groups)
  let place: u32 = 0
  section.beginRun(out.position)
  for (let rank: u32 = 0; rank < groups; rank++) {
    const first = place
    const end = load<u32>(endOf(rank))
    const position = out.position
    section.beginGroup(groupAt(rows, first), -1)
    let isCut = false
    let block: u32 = 0
    for (; place < end; place++) {
      const row = load<u32>(order + 4 * place)
      const bytes: u32 = load<u16>(rows.lengths + 2 * row)
      const index = rows.bytes + load<u32>(rows.starts + 4 * row)
      if (block >= blockBytes) {
        if (!isCut) enterAt(section, position, rows, first)
        isCut = true
        section.enter(out.position, index, bytes)
        block = 0
      }
      block += ROW_BYTES + bytes
      out.putIndex(index, bytes, buids + load<u32>(rows.owners + 4 * row) * BUID_BYTES)
    }
    section.endGroup(out.position, end - first)
  }
  section.endRun()
  return true
}

/** Adds an entry point at the row at a place of the order. */
function enterAt(section: RunSection, position: f64, rows: IndexRows, place: u32): void {
  const row = load<u32>(order + 4 * place)
  section.enter(position, rows.bytes + load<u32>(rows.starts + 4 * row), load<u16>(rows.lengths + 2 * row))
}

/** Gives each group that has rows its rank. Returns how many there are, or `NO_RANK` when one has no key. */
function rankGroups(rows: IndexRows): u32 {
  reserve(rows)
  let count: u32 = 0
  for (let i: u32 = 0; i < rows.count; i++) {
    const group = load<u32>(rows.groups + 4 * i)
    if (group < rankRoom && load<u32>(ranks + 4 * group) != NO_RANK) continue
    const key = rows.keyOf(group)
    if (key == 0) {
      while (count > 0) store<u32>(ranks + 4 * load<u32>(entries + --count * ENTRY_BYTES, 12), NO_RANK)
      return NO_RANK
    }
    store<u32>(ranks + 4 * group, 0)
    const entry = entries + count++ * ENTRY_BYTES
    store<u64>(entry, key)
    store<u32>(entry, 0, 8)
    store<u32>(entry, group, 12)
  }
  const sorted = sortEntries(count)
  for (let rank: u32 = 0; rank < count; rank++) {
    store<u32>(ranks + 4 * load<u32>(sorted + rank * ENTRY_BYTES, 12), rank)
  }
  return count
}

/** Sorts rows whose groups have `rankCount` ranks. */
function sortRows(rows: IndexRows, rankCount: u32): void {
  memory.fill(ends, 0, 4 * rankCount)
  for (let i: u32 = 0; i < rows.count; i++) {
    const end = endOf(rankOf(rows, i))
    store<u32>(end, load<u32>(end) + 1)
  }
  let sum: u32 = 0
  for (let rank: u32 = 0; rank < rankCount; rank++) {
    const count = load<u32>(endOf(rank))
    store<u32>(endOf(rank), sum)
    sum += count
  }
  for (let i: u32 = 0; i < rows.count; i++) {
    const end = endOf(rankOf(rows, i))
    const place = load<u32>(end)
    store<u32>(order + 4 * place, i)
    store<u32>(end, place + 1)
  }
  let start: u32 = 0
  for (let rank: u32 = 0; rank < rankCount; rank++) {
    const end = load<u32>(endOf(rank))
    // The next database has other groups.
    store<u32>(ranks + 4 * groupAt(rows, start), NO_RANK)
    sortRange(rows, start, end, 0)
    start = end
  }
}

/** The group of the row at a place of the order. */
function groupAt(rows: IndexRows, place: u32): u32 {
  return load<u32>(rows.groups + 4 * load<u32>(order + 4 * place))
}

/** Sorts the rows of `order[start, end)`, whose indexes share the first `depth` bytes. */
function sortRange(rows: IndexRows, start: u32, end: u32, depth: u32): void {
  const count = end - start
  if (count <= FEW_ROWS) return sortFew(rows, start, end, depth)
  depth = commonBytes(rows, start, end, depth)
  let isSorted = true
  for (let i: u32 = 0; i < count; i++) {
    const entry = entries + i * ENTRY_BYTES
    readEntry(rows, load<u32>(order + 4 * (start + i)), depth, entry)
    if (i > 0 && isBefore(entry, entry - ENTRY_BYTES)) isSorted = false
  }
  if (!isSorted) {
    const sorted = sortEntries(count)
    for (let i: u32 = 0; i < count; i++) store<u32>(order + 4 * (start + i), load<u32>(sorted + i * ENTRY_BYTES, 12))
  }
  sortTies(rows, start, end, depth)
}

function sortFew(rows: IndexRows, start: u32, end: u32, depth: u32): void {
  for (let place = start + 1; place < end; place++) {
    const row = load<u32>(order + 4 * place)
    const index = indexOf(rows, row, depth)
    const bytes = bytesOf(rows, row, depth)
    let to = place
    for (; to > start; to--) {
      const other = load<u32>(order + 4 * (to - 1))
      if (compare(index, bytes, indexOf(rows, other, depth), bytesOf(rows, other, depth)) >= 0) break
      store<u32>(order + 4 * to, other)
    }
    store<u32>(order + 4 * to, row)
  }
}

/** The index of a row from `depth` on: where it is, and how many bytes. */
function indexOf(rows: IndexRows, row: u32, depth: u32): usize {
  return rows.bytes + load<u32>(rows.starts + 4 * row) + depth
}

function bytesOf(rows: IndexRows, row: u32, depth: u32): u32 {
  return <u32>load<u16>(rows.lengths + 2 * row) - depth
}

/** Sorts each series of rows that agree in this word and go on behind it. */
function sortTies(rows: IndexRows, start: u32, end: u32, depth: u32): void {
  let first = start
  while (first < end) {
    let last = first + 1
    // Those that end with the word come before the others, in their order.
    if (restOf(rows, first, depth) > WORD_BYTES) {
      const word = wordOf(rows, first, depth)
      while (last < end && restOf(rows, last, depth) > WORD_BYTES && wordOf(rows, last, depth) == word) last++
      sortRange(rows, first, last, depth + WORD_BYTES)
    }
    first = last
  }
}

function wordOf(rows: IndexRows, place: u32, depth: u32): u64 {
  const row = load<u32>(order + 4 * place)
  return wordAt(indexOf(rows, row, depth), bytesOf(rows, row, depth))
}

/** How many bytes the index at a place of the order has from `depth` on. */
function restOf(rows: IndexRows, place: u32, depth: u32): u32 {
  return bytesOf(rows, load<u32>(order + 4 * place), depth)
}

/** How many bytes all rows share, at least `depth`. */
function commonBytes(rows: IndexRows, start: u32, end: u32, depth: u32): u32 {
  const row = load<u32>(order + 4 * start)
  const first = rows.bytes + load<u32>(rows.starts + 4 * row)
  let common: u32 = load<u16>(rows.lengths + 2 * row)
  for (let i = start + 1; i < end && common > depth; i++) {
    const other = load<u32>(order + 4 * i)
    const at = rows.bytes + load<u32>(rows.starts + 4 * other)
    common = min(common, <u32>load<u16>(rows.lengths + 2 * other))
    let same = depth
    while (same < common && load<u8>(at + same) == load<u8>(first + same)) same++
    common = same
  }
  return common
}

function readEntry(rows: IndexRows, row: u32, depth: u32, entry: usize): void {
  const rest = bytesOf(rows, row, depth)
  store<u64>(entry, wordAt(indexOf(rows, row, depth), rest))
  store<u32>(entry, min(rest, WORD_BYTES + 1), 8)
  store<u32>(entry, row, 12)
}

/** Up to eight bytes as a number, padded with zeros. There is room behind the last index. */
function wordAt(at: usize, rest: u32): u64 {
  const word = bswap<u64>(load<u64>(at))
  return rest >= WORD_BYTES ? word : rest == 0 ? 0 : word & (~(<u64>0) << (64 - 8 * rest))
}

/** Whether an entry has to come before another one that was added earlier. */
function isBefore(entry: usize, other: usize): bool {
  const a = load<u64>(entry)
  const b = load<u64>(other)
  return a < b || (a == b && load<u32>(entry, 8) < load<u32>(other, 8))
}

/** Sorts `count` entries from `first` on where they are. */
function inserted(first: u32, count: u32): usize {
  const start = entries + first * ENTRY_BYTES
  for (let i: u32 = 1; i < count; i++) {
    let at = start + i * ENTRY_BYTES
    const word = load<u64>(at)
    const rest = load<u64>(at, 8)
    store<u64>(others, word)
    store<u64>(others, rest, 8)
    while (at > start && isBefore(others, at - ENTRY_BYTES)) {
      store<u64>(at, load<u64>(at - ENTRY_BYTES))
      store<u64>(at, load<u64>(at - ENTRY_BYTES, 8), 8)
      at -= ENTRY_BYTES
    }
    store<u64>(at, word)
    store<u64>(at, rest, 8)
  }
  return start
}

/** Where to put `count` entries to sort. */
export function entriesFor(count: u32): usize {
  if (count > rowRoom || rowRoom == 0) makeRoom(count)
  return entries
}

/** Returns where they then are, until others are sorted. */
export function sortEntries(count: u32): usize {
  return count <= INSERTION_ROWS ? inserted(0, count) : count < RADIX_ROWS ? merged(count) : distributed(count)
}

/** Sorts entries digit by digit, from the least. Returns where they then are. */
function distributed(count: u32): usize {
  memory.fill(histograms, 0, 4 * 256 * DIGITS)
  for (let i: u32 = 0; i < count; i++) {
    const entry = entries + i * ENTRY_BYTES
    for (let digit: u32 = 0; digit < DIGITS; digit++) {
      const at = bucketOf(digit, digitOf(entry, digit))
      store<u32>(at, load<u32>(at) + 1)
    }
  }
  let from = entries
  let to = others
  for (let digit: u32 = 0; digit < DIGITS; digit++) {
    // Most bytes are the same in all entries, or nearly so.
    if (load<u32>(bucketOf(digit, digitOf(from, digit))) == count) continue
    let sum: u32 = 0
    for (let value: u32 = 0; value < 256; value++) {
      const at = bucketOf(digit, value)
      const size = load<u32>(at)
      store<u32>(at, sum)
      sum += size
    }
    for (let i: u32 = 0; i < count; i++) {
      const entry = from + i * ENTRY_BYTES
      const at = bucketOf(digit, digitOf(entry, digit))
      const place = load<u32>(at)
      store<u32>(at, place + 1)
      store<u64>(to + place * ENTRY_BYTES, load<u64>(entry))
      store<u64>(to + place * ENTRY_BYTES, load<u64>(entry, 8), 8)
    }
    const other = from
    from = to
    to = other
  }
  return from
}

function digitOf(entry: usize, digit: u32): u32 {
  // A word is a number with its lowest byte first in memory; how many bytes it has comes behind.
  return load<u8>(entry + (digit == 0 ? 8 : digit - 1))
}

function bucketOf(digit: u32, value: u32): usize {
  return histograms + 4 * (256 * digit + value)
}

/** Sorts entries by merging neighbors. Returns where they then are. */
function merged(count: u32): usize {
  for (let first: u32 = 0; first < count; first += INSERTION_ROWS) inserted(first, min(INSERTION_ROWS, count - first))
  let from = entries
  let to = others
  for (let width = INSERTION_ROWS; width < count; width *= 2) {
    for (let first: u32 = 0; first < count; first += 2 * width) {
      const middle = min(first + width, count)
      const end = min(first + 2 * width, count)
      mergeTwo(from, to, first * ENTRY_BYTES, middle * ENTRY_BYTES, end * ENTRY_BYTES)
    }
    const other = from
    from = to
    to = other
  }
  return from
}

function mergeTwo(from: usize, to: usize, first: u32, middle: u32, end: u32): void {
  let a = from + first
  let b = from + middle
  const aEnd = b
  const bEnd = from + end
  let at = to + first
  while (a < aEnd && b < bEnd) {
    // No branch: which one comes first cannot be guessed.
    const isB = isBefore(b, a)
    const next = select<usize>(b, a, isB)
    store<u64>(at, load<u64>(next))
    store<u64>(at, load<u64>(next, 8), 8)
    b += isB ? <usize>ENTRY_BYTES : 0
    a += isB ? 0 : <usize>ENTRY_BYTES
    at += ENTRY_BYTES
  }
  memory.copy(at, a, aEnd - a)
  memory.copy(at + (aEnd - a), b, bEnd - b)
}

function rankOf(rows: IndexRows, row: u32): u32 {
  return load<u32>(ranks + 4 * load<u32>(rows.groups + 4 * row))
}

function endOf(rank: u32): usize {
  return ends + 4 * rank
}

function reserve(rows: IndexRows): void {
  if (rows.groupRoom > rankRoom) {
    if (rankRoom > 0) {
      heap.free(ranks)
      heap.free(ends)
    }
    rankRoom = rows.groupRoom
    ranks = heap.alloc(4 * rankRoom)
    ends = heap.alloc(4 * rankRoom)
    memory.fill(ranks, 0xff, 4 * rankRoom)
  }
  entriesFor(rows.count)
}

function makeRoom(count: u32): void {
  if (rowRoom > 0) {
    heap.free(order)
    heap.free(entries)
    heap.free(others)
  }
  rowRoom = max(count, FIRST_ROWS)
  order = heap.alloc(4 * rowRoom)
  entries = heap.alloc(rowRoom * ENTRY_BYTES)
  others = heap.alloc(rowRoom * ENTRY_BYTES)
}
