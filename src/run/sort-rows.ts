import type { NumberSet } from '../bytes/number-set.js'

/** Unsorted rows: for each its group, the number of its owner, and where its index bytes lie. */
export interface UnsortedRows {
  readonly count: number
  readonly groups: Int32Array
  readonly owners: Int32Array
  readonly starts: Int32Array
  readonly lengths: Uint16Array
  readonly bytes: Buffer
  addGroups(to: NumberSet): void
}

/** Below this many rows, insertion sort is faster than filling the key array. */
const INSERTION_ROWS = 12
/** How many bytes of a row one pass of the native sort compares; the other 24 bits of a key hold the row's index. */
const WINDOW_BYTES = 5
const MOST_PLACES = 2 ** 24

let keyBytes = new ArrayBuffer(1 << 16)
let halves = new Uint32Array(keyBytes)
let keys = new BigUint64Array(keyBytes)
let places = new Int32Array(1 << 13)

/**
 * Sorts rows by the rank of their group, then by their index bytes in LMDB's order (memcmp, shorter first). Rows of
 * equal index stay in the order in which they were added, which is buid order. Sorts numbers made of five bytes and a
 * row's index natively, without a comparator; only rows that tie need the next five bytes.
 *
 * @param rankOf rank of each group that has rows, below `rankCount`
 * @returns the row numbers in order, and where the rows of each rank end
 */
export function sortRows(
  rows: UnsortedRows,
  rankOf: Int32Array,
  rankCount: number,
): { order: Int32Array; ends: Int32Array } {
  const ends = new Int32Array(rankCount)
  const order = new Int32Array(rows.count)
  orderByRank(rows, rankOf, ends, order)
  for (let rank = 0, start = 0; rank < ends.length; rank++) {
    sortRange(rows, order, start, ends[rank], 0)
    start = ends[rank]
  }
  return { order, ends }
}

/** Puts the rows of each rank together, and finds where they end. Loops of their own, as V8 compiles whole loops best. */
function orderByRank(rows: UnsortedRows, rankOf: Int32Array, ends: Int32Array, order: Int32Array): void {
  countRanks(rows, rankOf, ends)
  for (let rank = 0, sum = 0; rank < ends.length; rank++) {
    const count = ends[rank]
    ends[rank] = sum
    sum += count
  }
  placeRows(rows, rankOf, ends, order)
}

function countRanks({ groups, count }: UnsortedRows, rankOf: Int32Array, ends: Int32Array): void {
  for (let i = 0; i < count; i++) ends[rankOf[groups[i]]]++
}

function placeRows({ groups, count }: UnsortedRows, rankOf: Int32Array, ends: Int32Array, order: Int32Array): void {
  for (let i = 0; i < count; i++) order[ends[rankOf[groups[i]]]++] = i
}

function sortRange(rows: UnsortedRows, order: Int32Array, start: number, end: number, from: number): void {
  const count = end - start
  if (count < 2) return
  if (count <= INSERTION_ROWS) {
    insertionSort(rows, order, start, end, from)
    return
  }
  const depth = commonPrefix(rows, order, start, end, from)
  if (depth < 0) return
  if (count > MOST_PLACES) {
    compareSort(rows, order, start, end, depth)
    return
  }
  const { starts, lengths, bytes } = rows
  reserve(count)
  let isSorted = true
  let before = 0
  let beforeLow = 0
  for (let i = 0; i < count; i++) {
    const row = order[start + i]
    const at = starts[row] + depth
    const left = lengths[row] - depth
    const high =
      left >= 4
        ? (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
        : head(bytes, at, left)
    const low = left > 4 ? bytes[at + 4] : 0
    const unsigned = high >>> 0
    if (unsigned < before || (unsigned === before && low < beforeLow)) isSorted = false
    before = unsigned
    beforeLow = low
    halves[2 * i] = ((low << 24) | i) >>> 0
    halves[2 * i + 1] = unsigned
  }
  if (!isSorted) {
    keys.subarray(0, count).sort()
    for (let i = 0; i < count; i++) places[i] = order[start + (halves[2 * i] & 0xffffff)]
    for (let i = 0; i < count; i++) order[start + i] = places[i]
  }
  sortTies(rows, order, start, count, depth)
}

function sortTies(rows: UnsortedRows, order: Int32Array, start: number, count: number, depth: number): void {
  // Find all ties before the calls below, which reuse the key array.
  const ties: number[] = []
  for (let i = 0; i < count; ) {
    let j = i + 1
    while (j < count && halves[2 * j + 1] === halves[2 * i + 1] && halves[2 * j] >>> 24 === halves[2 * i] >>> 24) j++
    if (j - i > 1) ties.push(start + i, start + j)
    i = j
  }
  const next = depth + WINDOW_BYTES
  for (let t = 0; t < ties.length; t += 2) {
    let shortest = 0xffff
    let longest = 0
    for (let i = ties[t]; i < ties[t + 1]; i++) {
      const length = rows.lengths[order[i]]
      if (length < shortest) shortest = length
      if (length > longest) longest = length
    }
    if (shortest >= next) sortRange(rows, order, ties[t], ties[t + 1], next)
    else if (longest !== shortest) compareSort(rows, order, ties[t], ties[t + 1], depth)
  }
}

/** The depth up to which all rows agree, starting at `from`; -1 when the rows are equal. */
function commonPrefix(rows: UnsortedRows, order: Int32Array, start: number, end: number, from: number): number {
  const { starts, lengths, bytes } = rows
  const first = starts[order[start]]
  const firstLength = lengths[order[start]]
  let depth = firstLength
  let isEqual = true
  for (let i = start + 1; i < end; i++) {
    const length = lengths[order[i]]
    if (length !== firstLength) isEqual = false
    if (length < depth) depth = length
    const at = starts[order[i]]
    let j = from
    while (j < depth && bytes[at + j] === bytes[first + j]) j++
    if (j < depth) {
      depth = j
      isEqual = false
    }
    if (depth === from && !isEqual) return from
  }
  return isEqual ? -1 : depth
}

function head(bytes: Uint8Array, at: number, left: number): number {
  if (left <= 0) return 0
  return (bytes[at] << 24) | (left > 1 ? bytes[at + 1] << 16 : 0) | (left > 2 ? bytes[at + 2] << 8 : 0)
}

function insertionSort(rows: UnsortedRows, order: Int32Array, start: number, end: number, from: number): void {
  for (let i = start + 1; i < end; i++) {
    const row = order[i]
    let j = i - 1
    while (j >= start && compareRows(rows, order[j], row, from) > 0) {
      order[j + 1] = order[j]
      j--
    }
    order[j + 1] = row
  }
}

function compareSort(rows: UnsortedRows, order: Int32Array, start: number, end: number, from: number): void {
  order.subarray(start, end).sort((a, b) => compareRows(rows, a, b, from) || a - b)
}

function compareRows(rows: UnsortedRows, a: number, b: number, from: number): number {
  const { starts, lengths, bytes } = rows
  const startA = starts[a]
  const startB = starts[b]
  const shared = Math.min(lengths[a], lengths[b])
  for (let i = from; i < shared; i++) {
    const diff = bytes[startA + i] - bytes[startB + i]
    if (diff !== 0) return diff
  }
  return lengths[a] - lengths[b]
}

function reserve(count: number): void {
  if (count <= places.length) return
  const size = 1 << Math.ceil(Math.log2(count))
  keyBytes = new ArrayBuffer(size * 8)
  halves = new Uint32Array(keyBytes)
  keys = new BigUint64Array(keyBytes)
  places = new Int32Array(size)
}
