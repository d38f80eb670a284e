import { DupGroup, newDupGroup } from './dup-group'
import { putPage, putRun } from './env'
import {
  BIG_REF_BYTES,
  DB_RECORD_BYTES,
  MAX_KEY_BYTES,
  MAX_NODE_BYTES,
  NODE_BIG,
  NODE_DUP_DATA,
  NODE_HEADER_BYTES,
  NODE_SUB_DATA,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
} from './format'
import { freeNodePage, keyBytesOf, NodePage, newNodePage, nodeRoom } from './node-page'
import { compare, copy } from './spans'

/** What `addRow()` may find wrong. src/page/leaf-builder.ts has the messages. */
export const KEY_SIZE: i32 = 1
export const DUP_SIZE: i32 = 2
export const KEY_ORDER: i32 = 3
export const DUP_ORDER: i32 = 4

/** A node with a relative page number takes at least 20 bytes of a page. */
const MOST_REFS: usize = PAGE_BYTES / 20

/** A stream of leaf pages under construction. */
@unmanaged
export class LeafPages {
  // JavaScript reads these fields, at these offsets.
  /** Rows, counting each duplicate. */
  entries: u64
  droppedDups: u64
  overflowPages: u64
  /** The key of the previous row. Unless it has duplicates, its value follows. It is in `page` or in `dups`. */
  lastKey: usize
  lastKeyBytes: u32

  page: NodePage
  /** Null in a plain db. */
  dups: DupGroup | null
  spare: i32
  refCount: u32

  /** Positions in `page` of relative page numbers, as `u16`: behind the fields. */
  get refs(): usize {
    return changetype<usize>(this) + offsetof<LeafPages>()
  }

  addNode(key: usize, keyBytes: u32, value: usize, valueBytes: u32): void {
    const page = this.page
    if (NODE_HEADER_BYTES + keyBytes + valueBytes > MAX_NODE_BYTES) {
      this.addBig(key, keyBytes, value, valueBytes)
    } else {
      if (!page.takes(nodeRoom(keyBytes, valueBytes), this.spare)) this.closePage()
      const node = page.push(0, key, keyBytes, valueBytes, valueBytes)
      copy(node + NODE_HEADER_BYTES + keyBytes, value, valueBytes)
    }
    this.lastKey = page.last + NODE_HEADER_BYTES
    this.lastKeyBytes = keyBytes
    this.entries++
  }

  /** Adds another value of the last key. The key's first value moves from the page to the group. */
  addDup(group: DupGroup, value: usize, valueBytes: u32): i32 {
    if (valueBytes - 1 >= MAX_KEY_BYTES) return DUP_SIZE
    if (!group.isOpen) {
      const page = this.page
      const first = this.lastKey + this.lastKeyBytes
      const firstBytes = load<u32>(page.last)
      const order = compare(value, valueBytes, first, firstBytes)
      if (order <= 0) return this.dropDup(order)
      page.pop()
      group.open(this.lastKey, this.lastKeyBytes)
      group.add(first, firstBytes)
      this.lastKey = group.key
    } else {
      const last = group.page.last
      const order = compare(value, valueBytes, last + NODE_HEADER_BYTES, keyBytesOf(last))
      if (order <= 0) return this.dropDup(order)
    }
    group.add(value, valueBytes)
    this.entries++
    return 0
  }

  /** Writes the node of a key with several values: a sub-page, or the record of their tree. */
  closeGroup(group: DupGroup): void {
    const page = this.page
    const isTree = group.isTree
    const dataBytes = isTree ? DB_RECORD_BYTES : group.subPageBytes
    if (!page.takes(nodeRoom(group.keyBytes, dataBytes), this.spare)) this.closePage()
    const flags = isTree ? NODE_DUP_DATA | NODE_SUB_DATA : NODE_DUP_DATA
    const data = page.push(flags, group.key, group.keyBytes, dataBytes, dataBytes) + NODE_HEADER_BYTES + group.keyBytes
    if (isTree) {
      group.finishTree(data)
      this.addRef(data + DB_RECORD_BYTES - 8)
    } else {
      group.finishSubPage(data)
    }
  }

  closePage(): void {
    const page = this.page
    page.seal(PAGE_LEAF)
    putPage(changetype<usize>(this), page.at, this.refs, this.refCount, 1)
    page.clear()
    this.refCount = 0
  }

  private addBig(key: usize, keyBytes: u32, value: usize, valueBytes: u32): void {
    const page = this.page
    const run = putRun(changetype<usize>(this), value, valueBytes)
    this.overflowPages += (PAGE_HEADER_BYTES + <u64>valueBytes + PAGE_BYTES - 1) / PAGE_BYTES
    if (!page.takes(nodeRoom(keyBytes, BIG_REF_BYTES), this.spare)) this.closePage()
    const data = page.push(NODE_BIG, key, keyBytes, valueBytes, BIG_REF_BYTES) + NODE_HEADER_BYTES + keyBytes
    store<u64>(data, run)
    this.addRef(data)
  }

  private dropDup(order: i32): i32 {
    if (order < 0) return DUP_ORDER
    this.droppedDups++
    return 0
  }

  private addRef(at: usize): void {
    store<u16>(this.refs + 2 * this.refCount++, <u16>(at - this.page.at))
  }
}

/**
 * Adds a row and copies its bytes. Drops an exact repeat of the row before in a dupsort db, as LMDB would.
 *
 * @returns 0, or what is wrong with the row
 */
export function addRow(pages: LeafPages, key: usize, keyBytes: u32, value: usize, valueBytes: u32): i32 {
  if (keyBytes - 1 >= MAX_KEY_BYTES) return KEY_SIZE
  const order = compare(key, keyBytes, pages.lastKey, pages.lastKeyBytes)
  const dups = pages.dups
  if (order <= 0) return order < 0 || dups === null ? KEY_ORDER : pages.addDup(dups, value, valueBytes)
  if (dups !== null) {
    if (valueBytes - 1 >= MAX_KEY_BYTES) return DUP_SIZE
    if (dups.isOpen) pages.closeGroup(dups)
  }
  pages.addNode(key, keyBytes, value, valueBytes)
  return 0
}

/** @param spare the bytes of each page that should stay free */
export function newPages(dupSort: bool, spare: i32): LeafPages {
  const pages = changetype<LeafPages>(heap.alloc(offsetof<LeafPages>() + 2 * MOST_REFS))
  pages.entries = 0
  pages.droppedDups = 0
  pages.overflowPages = 0
  pages.lastKey = 0
  pages.lastKeyBytes = 0
  pages.page = newNodePage()
  pages.dups = dupSort ? newDupGroup(changetype<usize>(pages), spare) : null
  pages.spare = spare
  pages.refCount = 0
  return pages
}

/** Puts the last pages. */
export function finishPages(pages: LeafPages): void {
  const dups = pages.dups
  if (dups !== null && dups.isOpen) pages.closeGroup(dups)
  if (pages.page.count > 0) pages.closePage()
}

export function freePages(pages: LeafPages): void {
  const dups = pages.dups
  if (dups !== null) dups.free()
  freeNodePage(pages.page)
  heap.free(changetype<usize>(pages))
}
