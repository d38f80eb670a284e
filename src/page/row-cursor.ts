import type { MigrationError } from '../errors.js'
import {
  DB_RECORD_BYTES,
  type DbRecord,
  NO_PAGE,
  NODE_HEADER_BYTES,
  NodeFlag,
  PAGE_HEADER_BYTES,
  PageFlag,
  readDbRecord,
  readU16,
  readU32,
  readU48,
} from './format.js'
import { Page, type PageFile } from './page.js'

/**
 * Leaves that follow each other in the file are read together, up to this many bytes. More than 256 KiB gains little.
 */
export const WINDOW_BYTES = 1 << 18
/** No tree of 2^48 pages is deeper, so this stops at a loop of page numbers. */
const MAX_DEPTH = 32

const empty = new Uint8Array(0)

/** A row: `buf[keyStart, keyEnd)` is the key and `valueBuf[valueStart, valueEnd)` the value. */
export interface RowAt {
  readonly buf: Uint8Array
  readonly keyStart: number
  readonly keyEnd: number
  readonly valueBuf: Uint8Array
  readonly valueStart: number
  readonly valueEnd: number
  /** Copies of the key and the value. */
  key(): Uint8Array
  value(): Uint8Array
}

/** Leaf pages that follow each other, in the file as well. */
export interface Leaves {
  readonly bytes: Uint8Array
  readonly pages: number
  /** The number of the first page, and its first row. */
  readonly pgno: number
  readonly index: number
}

/**
 * Walks the rows of one tree in order. When `seek()` or `next()` returns true, `buf[keyStart, keyEnd)` is the key and
 * `valueBuf[valueStart, valueEnd)` the value. Nothing writes to these buffers again, so the caller may keep them
 * (except from a `scanner()`).
 */
export class RowCursor implements RowAt {
  buf: Uint8Array = empty
  keyStart = 0
  keyEnd = 0
  valueBuf: Uint8Array = empty
  valueStart = 0
  valueEnd = 0
  nodeFlags = 0

  /** The last branch page of each level, by its number: lookups of keys near each other share most of the way down. */
  private readonly lastBranches: { pgno: number; page: Page }[] = []
  private readonly branches: Page[] = []
  private readonly branchIndex: number[] = []
  private leaf: Page | null = null
  private index = 0
  private window: Uint8Array = empty
  private windowStart = 0
  private windowCount = 0
  /** The branch page whose children they are, and the number of the first. */
  private windowBranch: Page | null = null
  private windowIndex = 0
  private dups: Dups | null = null
  /** The caller does not want rows from here on. */
  private lt: Uint8Array | null = null
  /** `lastKey[0, lastKeyBytes)` is the last key of the previous leaf. */
  private lastKey: Uint8Array = empty
  private lastKeyBytes = 0

  constructor(
    private readonly slab: PageFile,
    private readonly record: DbRecord,
    /** A buffer for leaf pages; null: a new buffer for each read. */
    private readonly reused: Uint8Array | null = null,
    private readonly isOfDups = false,
  ) {}

  key(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.buf, this.keyStart, this.keyEnd)
  }

  value(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.valueBuf, this.valueStart, this.valueEnd)
  }

  /** Whether there is a row: false before the first `seek()` and behind the last row. */
  get isOnRow(): boolean {
    return this.leaf !== null
  }

  /**
   * Goes to the first row whose key is >= `gte`; null: to the first row of all.
   *
   * @param lt where the caller will stop: we read no pages after it ahead of time, but the caller may go on. To look up
   *   a single key, give it here too: else each lookup reads a whole window.
   */
  seek(gte: Uint8Array | null, lt: Uint8Array | null = null): boolean {
    this.lt = lt
    this.leaf = null
    this.dups = null
    if (this.record.root === NO_PAGE) return false
    this.descend(this.record.root, (page) => (gte === null ? 0 : page.lastBelowOrAt(gte)))
    const leaf = this.leaf as Page | null
    if (leaf === null) return false
    this.index = gte === null ? 0 : leaf.firstAtOrAbove(gte)
    if (this.index >= leaf.count && !this.nextLeaf()) return false
    return this.load()
  }

  /** Looks for the row with exactly this key and value. You cannot use the cursor afterwards. */
  seekRow(key: Uint8Array, value: Uint8Array): boolean {
    if (!this.seek(key, key) || compareBytes(this.buf, this.keyStart, this.keyEnd, key) !== 0) return false
    if (this.dups !== null) return this.dups.has(value)
    return compareBytes(this.valueBuf, this.valueStart, this.valueEnd, value) === 0
  }

  seekLast(): boolean {
    this.leaf = null
    this.dups = null
    if (this.record.root === NO_PAGE) return false
    this.descend(this.record.root, (page) => page.count - 1)
    this.index = (this.leaf as unknown as Page).count - 1
    if (!this.load()) return false
    while (this.dups !== null && this.nextDup());
    return true
  }

  next(): boolean {
    if (this.dups !== null && this.nextDup()) return true
    return this.leaf !== null && this.moveTo(this.index + 1)
  }

  /** The current leaf and those in memory behind it, for code that reads rows by itself; null behind the last row. */
  leaves(): Leaves | null {
    const { leaf, index } = this
    if (leaf === null) return null
    const level = this.branches.length - 1
    const pgno = level < 0 ? this.record.root : this.branches[level].child(this.branchIndex[level])
    const inWindow = pgno - this.windowStart
    // In a damaged tree a page may have two places.
    const isInWindow =
      leaf.buf === this.window &&
      this.branches[level] === this.windowBranch &&
      this.branchIndex[level] - this.windowIndex === inWindow
    const pages = isInWindow ? this.windowCount - inWindow : 1
    return { bytes: leaf.buf.subarray(leaf.at, leaf.at + pages * this.slab.pageSize), pages, pgno, index }
  }

  /** Goes to the leaf behind so many of these. You cannot ask for its row, only for `leaves()`. */
  passLeaves(pages: number): void {
    this.goAhead(pages - 1)
    this.nextLeaf()
  }

  /** Goes to a row of one of these; behind the last row of a leaf, to the first one of the next. */
  moveTo(index: number, pages = 0): boolean {
    this.dups = null
    this.goAhead(pages)
    this.index = index
    if (index >= (this.leaf as Page).count && !this.nextLeaf()) return false
    return this.load()
  }

  /** The value of a row whose leaf has only the number of its first overflow page. */
  bigValue(pgno: number, bytes: number): Uint8Array {
    this.loadBig(pgno, bytes)
    return this.valueBuf.subarray(this.valueStart, this.valueEnd)
  }

  /** The error for damage that only who asks for rows can see. */
  corrupt(found: string): MigrationError {
    return this.slab.corrupt(found)
  }

  private goAhead(pages: number): void {
    if (pages === 0) return
    const { buf, at } = this.leaf as Page
    this.branchIndex[this.branches.length - 1] += pages
    this.leaf = new Page(this.slab, buf, at + pages * this.slab.pageSize)
  }

  private descend(root: number, choose: (page: Page) => number): void {
    this.branches.length = 0
    this.branchIndex.length = 0
    let page = this.record.depth > 1 ? this.branchAt(0, root) : this.pageAt(root)
    while (page.isBranch) {
      if (this.branches.length >= MAX_DEPTH)
        throw this.slab.corrupt(`the tree of page ${root} is deeper than ${MAX_DEPTH}`)
      const index = choose(page)
      this.branches.push(page)
      this.branchIndex.push(index)
      page = this.childAt(page, index, this.branches.length)
    }
    this.leaf = page
  }

  private nextLeaf(): boolean {
    let level = this.branches.length - 1
    while (level >= 0 && this.branchIndex[level] + 1 >= this.branches[level].count) level--
    if (level < 0) {
      this.leaf = null
      return false
    }
    const before = this.leaf as Page
    if (this.lastKey.length === 0) this.lastKey = new Uint8Array(this.slab.pageSize)
    this.lastKeyBytes = before.count === 0 ? 0 : before.copyKey(before.count - 1, this.lastKey)
    this.branchIndex[level]++
    let page = this.childAt(this.branches[level], this.branchIndex[level], level + 1)
    for (level++; level < this.branches.length; level++) {
      if (!page.isBranch) throw this.slab.corrupt('leaves lie at different depths')
      this.branches[level] = page
      this.branchIndex[level] = 0
      page = this.childAt(page, 0, level + 1)
    }
    if (page.isBranch) throw this.slab.corrupt('leaves lie at different depths')
    this.leaf = page
    this.index = 0
    if (page.count === 0) throw this.slab.corrupt('a leaf page is empty')
    // This way we read each leaf once, wherever damaged page numbers lead: no tree is endless, and no page shows up
    // twice.
    if (page.compareKey(0, this.lastKey, this.lastKeyBytes) <= 0)
      throw page.corrupt('its keys do not follow those of the page before')
    return true
  }

  private childAt(branch: Page, index: number, level: number): Page {
    if (level < this.record.depth - 1) return this.branchAt(level, branch.child(index))
    const page = this.windowPage(branch, index)
    if (this.reused === null || !page.isBranch) return page
    // The leaves below it will overwrite the buffer.
    this.windowCount = 0
    return this.pageAt(branch.child(index))
  }

  private windowPage(branch: Page, index: number): Page {
    const pgno = branch.child(index)
    const inWindow = pgno - this.windowStart
    if (inWindow >= 0 && inWindow < this.windowCount) {
      return new Page(this.slab, this.window, inWindow * this.slab.pageSize)
    }
    // Read ahead only siblings that follow in the file: we will need them next.
    const { lt } = this
    const most = WINDOW_BYTES / this.slab.pageSize
    let count = 1
    while (count < most && index + count < branch.count && branch.child(index + count) === pgno + count) {
      if (lt !== null && branch.compareKey(index + count, lt) >= 0) break
      count++
    }
    this.window = this.slab.readPages(pgno, count, this.reused ?? undefined)
    this.windowStart = pgno
    this.windowCount = count
    this.windowBranch = branch
    this.windowIndex = index
    return new Page(this.slab, this.window, 0)
  }

  private branchAt(level: number, pgno: number): Page {
    const last = this.lastBranches[level]
    if (last?.pgno === pgno) return last.page
    const page = this.pageAt(pgno)
    this.lastBranches[level] = { pgno, page }
    return page
  }

  private pageAt(pgno: number): Page {
    return new Page(this.slab, this.slab.readPages(pgno, 1), 0)
  }

  private load(): boolean {
    const leaf = this.leaf as Page
    const node = leaf.node(this.index)
    const { buf } = leaf
    const keyBytes = readU16(buf, node + 6)
    this.nodeFlags = readU16(buf, node + 4)
    this.buf = buf
    this.keyStart = node + NODE_HEADER_BYTES
    this.keyEnd = this.keyStart + keyBytes
    const dataBytes = readU32(buf, node)
    if ((this.nodeFlags & NodeFlag.big) !== 0) {
      if (this.keyEnd + 8 > leaf.end) throw leaf.corrupt('a node ends outside of its page')
      this.loadBig(readU48(buf, this.keyEnd), dataBytes)
      return true
    }
    if (this.keyEnd + dataBytes > leaf.end) throw leaf.corrupt('a node ends outside of its page')
    if ((this.nodeFlags & NodeFlag.dupData) !== 0) {
      if (this.isOfDups) throw leaf.corrupt('duplicates have duplicates')
      this.dups = new Dups(this.slab, buf, this.keyEnd, dataBytes, (this.nodeFlags & NodeFlag.subData) !== 0)
      if (!this.nextDup()) throw leaf.corrupt('a list of duplicates is empty')
      return true
    }
    this.valueBuf = buf
    this.valueStart = this.keyEnd
    this.valueEnd = this.keyEnd + dataBytes
    return true
  }

  private loadBig(pgno: number, bytes: number): void {
    const pages = Math.ceil((PAGE_HEADER_BYTES + bytes) / this.slab.pageSize)
    const run = this.slab.readPages(pgno, pages)
    if ((readU16(run, 10) & PageFlag.overflow) === 0) throw this.slab.corrupt(`page ${pgno} is not an overflow page`)
    // A value that shrank may have kept its pages.
    if (readU32(run, 12) < pages) throw this.slab.corrupt(`page ${pgno} starts ${readU32(run, 12)} pages, not ${pages}`)
    this.valueBuf = run
    this.valueStart = PAGE_HEADER_BYTES
    this.valueEnd = PAGE_HEADER_BYTES + bytes
  }

  private nextDup(): boolean {
    const dups = this.dups as Dups
    if (!dups.next()) {
      this.dups = null
      return false
    }
    this.valueBuf = dups.buf
    this.valueStart = dups.start
    this.valueEnd = dups.end
    return true
  }
}

/** The sorted values of one key, from a sub-page in the leaf or from a tree of their own. */
class Dups {
  buf: Uint8Array = empty
  start = 0
  end = 0
  private readonly page: Page | null = null
  private readonly tree: RowCursor | null = null
  private index = -1

  constructor(slab: PageFile, buf: Uint8Array, at: number, bytes: number, isTree: boolean) {
    if (isTree) {
      if (bytes !== DB_RECORD_BYTES) throw slab.corrupt(`a record of duplicates has ${bytes} bytes`)
      const view = new DataView(buf.buffer, buf.byteOffset + at, DB_RECORD_BYTES)
      this.tree = new RowCursor(slab, readDbRecord(view, 0), null, true)
    } else {
      this.page = new Page(slab, buf, at, bytes)
    }
  }

  has(value: Uint8Array): boolean {
    const { tree, page } = this
    if (tree !== null) return tree.seek(value, value) && compareBytes(tree.buf, tree.keyStart, tree.keyEnd, value) === 0
    if (page === null) return false
    const index = page.firstAtOrAbove(value)
    return index < page.count && Buffer.compare(page.key(index), value) === 0
  }

  next(): boolean {
    this.index++
    if (this.tree !== null) {
      if (!(this.index === 0 ? this.tree.seek(null) : this.tree.next())) return false
      this.buf = this.tree.buf
      this.start = this.tree.keyStart
      this.end = this.tree.keyEnd
      return true
    }
    const page = this.page as Page
    if (this.index >= page.count) return false
    const node = page.node(this.index)
    this.buf = page.buf
    this.start = node + NODE_HEADER_BYTES
    this.end = this.start + readU16(page.buf, node + 6)
    return true
  }
}

function compareBytes(buf: Uint8Array, start: number, end: number, other: Uint8Array): number {
  return Buffer.compare(buf.subarray(start, end), other)
}
