import { BUID_BYTES } from './buid'
import { readBig } from './env'
import { BIG_REF_BYTES, leafNodes, NODE_BIG, NODE_DUP_DATA, NODE_HEADER_BYTES, PAGE_HEADER_BYTES } from './format'
import { freeAll, grown, LINK_BYTES, linked } from './memory'
import { compare, copy, same } from './spans'

// The rows of one node after another, from windows of consecutive leaf pages of the source that JavaScript reads.

const HASH: u8 = 0x23
const STAR: u8 = 0x2a
const COLON: u8 = 0x3a

export enum RowKind {
  form,
  prop,
  tag,
  tagProp,
}

/** What `nextNode()` has found; src/stream/usual-nodes.ts has the same numbers. */
export enum Found {
  /** All rows of a node. */
  node,
  /** The window ends: JavaScript has to read the next one. */
  window,
  /** The next row is outside of the range, or there is none. */
  end,
  /** A row whose key is too short for a buid. */
  short,
  /** A page that is damaged or has what we do not read: JavaScript says what is wrong. */
  odd,
  /** A node that does not follow the one before. */
  disorder,
  /** A page that does not follow the one before. */
  pageDisorder,
  /** A usual node, translated, whose node data is JavaScript's. */
  data,
}

/** A row of the source. */
@unmanaged
export class Row {
  name: usize
  nameBytes: u32
  /** msgpack of `[valu, indx]`; of a big value it is only the number of its first page. */
  value: usize
  valueBytes: u32
  kind: u32
  isBig: u32
  /** In the name of a tag property: where its colon is. */
  colon: usize
  valu: usize
  valuEnd: usize
  plan: usize
}

const ROW_BYTES = <u32>offsetof<Row>()
const FIRST_ROWS: u32 = 128

/** The window, and its page and row that come next. */
let window: usize = 0
let windowBytes: u32 = 0
let pages: u32 = 0
let pageBytes: u32 = 0
let page: u32 = 0
let index: u32 = 0
/** Rows of the page; 0 before it is opened. */
let pageRows: u32 = 0
let isLastWindow = false
/** The last key of the page before; 0 at the start of a window. */
let before: usize = 0
let beforeBytes: u32 = 0

/** The rows end below this key; no bytes: they have no end. */
const end = memory.data(BUID_BYTES)
let endBytes: u32 = 0

export const buid = memory.data(BUID_BYTES, 8)
let hasBuid = false
let isUnfinished = false
let rows: usize = heap.alloc(FIRST_ROWS * ROW_BYTES)
let rowRoom: u32 = FIRST_ROWS
export let rowCount: u32 = 0
/** Rows below this number lie in `kept`, a list of blocks, with values from overflow pages. */
let keptRows: u32 = 0
let kept: usize = 0

export function rowAt(i: u32): Row {
  return changetype<Row>(rows + i * ROW_BYTES)
}

/** The address of the node's first row, and how many there are. */
export function nodeRows(): usize {
  return rows
}

export function nodeRowCount(): u32 {
  return rowCount
}

/** The address of the buid of the last node; 0 when there was none in the range. */
export function lastBuid(): usize {
  return hasBuid ? buid : 0
}

/** The address of the page that comes next. */
export function nextPage(): usize {
  return window + page * pageBytes
}

/** Begins another range. Returns where to put the key at which it ends. */
export function beginRows(bytes: u32): usize {
  hasBuid = false
  isLastWindow = false
  pages = 0
  page = 0
  pageRows = 0
  forgetNode()
  return endRows(bytes)
}

/** Sets another end for the rows. Returns where to put the key, which has so many bytes. */
export function endRows(bytes: u32): usize {
  endBytes = bytes
  return end
}

/** Returns where to put a window of so many pages; `first` is the first row of its first page; no pages: there are no more. */
export function beginWindow(count: u32, bytes: u32, first: u32): usize {
  pages = count
  pageBytes = bytes
  page = 0
  pageRows = 0
  index = first
  before = 0
  isLastWindow = count == 0
  if (count * bytes > windowBytes) {
    if (window != 0) heap.free(window)
    windowBytes = count * bytes
    // Rows are copied eight bytes at a time.
    window = heap.alloc(windowBytes + 8)
  }
  return window
}

/** Reads the rows of the next node, or goes on with those of the last one if its window ended too early. */
export function nextNode(): Found {
  if (!isUnfinished) forgetNode()
  isUnfinished = false
  while (true) {
    if (page == pages) {
      if (isLastWindow) return rowCount > 0 ? Found.node : Found.end
      isUnfinished = rowCount > 0
      if (isUnfinished) keepRows()
      return Found.window
    }
    const at = window + page * pageBytes
    if (pageRows == 0) {
      const wrong = openPage(at)
      if (wrong != Found.node) return wrong
    }
    const node = at + load<u16>(at + PAGE_HEADER_BYTES + 2 * index)
    if (!isWithin(at, node)) return Found.odd
    const keyBytes: u32 = load<u16>(node, 6)
    const key = node + NODE_HEADER_BYTES
    const flags: u32 = load<u16>(node, 4)
    if (rowCount == 0) {
      if (endBytes > 0 && compare(key, keyBytes, end, endBytes) >= 0) return Found.end
      if (keyBytes < BUID_BYTES) {
        addRow(key, keyBytes, node, flags)
        pass()
        return Found.short
      }
      if (hasBuid && compare(key, BUID_BYTES, buid, BUID_BYTES) <= 0) return Found.disorder
      copy(buid, key, BUID_BYTES)
      hasBuid = true
    } else if (keyBytes < BUID_BYTES || !same(key, buid, BUID_BYTES)) return Found.node
    addRow(key + BUID_BYTES, keyBytes - BUID_BYTES, node, flags)
    pass()
  }
}

/** Goes to the next row. */
function pass(): void {
  if (++index < pageRows) return
  const at = window + page * pageBytes
  const node = at + load<u16>(at + PAGE_HEADER_BYTES + 2 * (pageRows - 1))
  before = node + NODE_HEADER_BYTES
  beforeBytes = load<u16>(node, 6)
  page++
  index = 0
  pageRows = 0
}

/** Returns what is wrong with the page, else `Found.node`. */
function openPage(at: usize): Found {
  const rows = leafNodes(at, pageBytes)
  if (index >= rows) return Found.odd
  if (before != 0) {
    const first = at + load<u16>(at + PAGE_HEADER_BYTES)
    if (!isWithin(at, first)) return Found.odd
    if (compare(first + NODE_HEADER_BYTES, load<u16>(first, 6), before, beforeBytes) <= 0) return Found.pageDisorder
  }
  pageRows = rows
  return Found.node
}

/** Whether a node lies within its page, and has a value or the number of an overflow page. */
function isWithin(at: usize, node: usize): bool {
  const pageEnd = <u64>at + pageBytes
  if (node < at + PAGE_HEADER_BYTES || <u64>node + NODE_HEADER_BYTES > pageEnd) return false
  const flags = load<u16>(node, 4)
  if ((flags & NODE_DUP_DATA) != 0) return false
  const bytes: u64 = (flags & NODE_BIG) != 0 ? BIG_REF_BYTES : load<u32>(node)
  return <u64>node + NODE_HEADER_BYTES + load<u16>(node, 6) + bytes <= pageEnd
}

function addRow(name: usize, nameBytes: u32, node: usize, flags: u32): void {
  if (rowCount == rowRoom) growRows()
  const row = rowAt(rowCount++)
  row.name = name
  row.nameBytes = nameBytes
  row.value = name + nameBytes
  row.valueBytes = load<u32>(node)
  row.isBig = flags & NODE_BIG
  row.colon = 0
  const first = nameBytes == 0 ? <u8>0 : load<u8>(name)
  if (first == HASH) {
    for (let at = name + 1; at < name + nameBytes; at++) {
      if (load<u8>(at) != COLON) continue
      row.colon = at
      break
    }
    row.kind = row.colon == 0 ? RowKind.tag : RowKind.tagProp
  } else row.kind = first == STAR ? RowKind.form : RowKind.prop
}

function growRows(): void {
  rows = grown(rows, rowRoom * ROW_BYTES)
  rowRoom *= 2
}

/** Copies the rows of an unfinished node, as the next window takes the place of this one. */
function keepRows(): void {
  let bytes: u32 = 0
  for (let i = keptRows; i < rowCount; i++) bytes += rowAt(i).nameBytes + storedBytes(rowAt(i))
  kept = linked(kept, bytes)
  let at = kept + LINK_BYTES
  for (let i = keptRows; i < rowCount; i++) {
    const row = rowAt(i)
    const length = row.nameBytes + storedBytes(row)
    memory.copy(at, row.name, length)
    if (row.colon != 0) row.colon = row.colon - row.name + at
    row.name = at
    row.value = at + row.nameBytes
    at += length
  }
  keptRows = rowCount
}

/** Where the value of a row on overflow pages is, until the next node. */
export function bigValue(row: Row): usize {
  kept = linked(kept, row.valueBytes)
  readBig(row.value, kept + LINK_BYTES, row.valueBytes)
  return kept + LINK_BYTES
}

function storedBytes(row: Row): u32 {
  return row.isBig != 0 ? BIG_REF_BYTES : row.valueBytes
}

function forgetNode(): void {
  rowCount = 0
  keptRows = 0
  isUnfinished = false
  freeAll(kept)
  kept = 0
}
