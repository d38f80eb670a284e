import { ByteListBuilder, grown } from '../bytes/byte-list.js'
import { compareSpans, copySpan, keptViewOf, viewOf } from '../bytes/spans.js'
import { assert, MigrationError } from '../errors.js'
import { BranchBuilder } from './branch-builder.js'
import { CHUNK_BYTES, ChunkWriter, overflowPages } from './chunk-writer.js'
import {
  DB_RECORD_BYTES,
  MAX_KEY_BYTES,
  MAX_NODE_BYTES,
  NODE_HEADER_BYTES,
  NodeFlag,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PageFlag,
  writeDbRecord,
} from './format.js'
import { NodePage, nodeRoom, spareRoom } from './node-page.js'
import type { LeafBuilderMethods, LeafBuilderOptions, LeafSummary } from './page-chunk.js'

/** docs/decisions has measurements of other fills. */
export const DEFAULT_FILL = 0.9

/**
 * LMDB leaves the dirty flag set in sub-pages. Without it, a later write would treat the sub-page as a page of its own,
 * and corrupt the file.
 */
const SUB_PAGE_FLAGS = PageFlag.leaf | PageFlag.dirty | PageFlag.sub
/** LMDB leaves an old page number here. It only reads it as a root, which is above 1. */
const SUB_PAGE_NUMBER = 2
const BIG_REF_BYTES = 8

/**
 * Turns rows in LMDB's order (keys by `memcmp`, duplicates of a key likewise) into finished leaf pages, with overflow
 * pages and trees of duplicates. It streams: memory is one chunk, however large the tree.
 *
 * Several builders may share the keys of one db: each makes a stream, and `SlabFileBuilder.finishDb()` joins them.
 */
export class LeafBuilder implements LeafBuilderMethods {
  private readonly out: ChunkWriter
  private readonly page = new NodePage()
  private readonly dups: DupGroup | null
  private readonly spare: number
  private readonly leaves = new LeafList()
  /** Positions in `page` of relative page numbers. */
  private refs: number[] = []
  private entries = 0
  private droppedDups = 0
  private overflowPages = 0

  /** The previous row: its key, and its value unless the key has duplicates. They are in `page` or in `dups`. */
  private lastView: DataView
  private lastKey = 0
  private lastKeyBytes = 0

  private keyBuf: Uint8Array = new Uint8Array(0)
  private keyView = viewOf(this.keyBuf)
  private valueBuf: Uint8Array = this.keyBuf
  private valueView = this.keyView
  /** The values buffer before the last one: callers often alternate between two. */
  private otherBuf: Uint8Array = this.keyBuf
  private otherView = this.keyView

  constructor(options: LeafBuilderOptions) {
    const { dupSort, fill = DEFAULT_FILL, chunkBytes = CHUNK_BYTES, emit } = options
    assert(fill > 0 && fill <= 1, () => `A fill of ${fill} is not above 0 and at most 1`)
    this.out = new ChunkWriter(Math.max(1, Math.floor(chunkBytes / PAGE_BYTES)) * PAGE_BYTES, emit)
    this.spare = spareRoom(fill)
    this.dups = dupSort ? new DupGroup(this.out, this.spare) : null
    this.lastView = this.page.view
  }

  /**
   * Adds the row `keyBuf[keyStart, keyEnd)` -> `valueBuf[valueStart, valueEnd)` and copies its bytes. Drops an exact
   * repeat of the row before in a dupsort db, as LMDB would.
   *
   * @throws {MigrationError} ERR_INTERNAL when rows are out of order, or when a key or duplicate is not 1 to 511 bytes
   *   long
   */
  add(
    keyBuf: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueBuf: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    if (keyBuf !== this.keyBuf) {
      this.keyBuf = keyBuf
      this.keyView = keptViewOf(keyBuf)
    }
    if (valueBuf !== this.valueBuf) this.takeValueBuf(valueBuf)
    const keyBytes = keyEnd - keyStart
    if (!(keyBytes >= 1 && keyBytes <= MAX_KEY_BYTES)) throw this.badSize('key', keyBytes)
    const order = compareSpans(this.keyView, keyStart, keyBytes, this.lastView, this.lastKey, this.lastKeyBytes)
    if (order <= 0) {
      if (order < 0 || this.dups === null) throw this.outOfOrder('key', keyBuf, keyStart, keyEnd)
      this.addDup(this.dups, valueStart, valueEnd)
      return
    }
    if (this.dups !== null) {
      const valueBytes = valueEnd - valueStart
      if (!(valueBytes >= 1 && valueBytes <= MAX_KEY_BYTES)) throw this.badSize('duplicate', valueBytes)
      if (this.dups.isOpen) this.closeGroup(this.dups)
    }
    this.addNode(keyStart, keyEnd, valueStart, valueEnd)
  }

  /** Hands on the last chunk and returns a summary of the stream. */
  finish(): LeafSummary {
    const lastKey = new Uint8Array(this.lastKeyBytes)
    for (let i = 0; i < lastKey.length; i++) lastKey[i] = this.lastView.getUint8(this.lastKey + i)
    if (this.dups?.isOpen) this.closeGroup(this.dups)
    if (this.page.count > 0) this.closePage()
    this.out.flush()
    const { entries, droppedDups, overflowPages } = this
    return { entries, droppedDups, overflowPages, pageCount: this.out.pageCount, ...this.leaves.pack(), lastKey }
  }

  private takeValueBuf(buf: Uint8Array): void {
    const view = buf === this.otherBuf ? this.otherView : buf === this.keyBuf ? this.keyView : keptViewOf(buf)
    this.otherBuf = this.valueBuf
    this.otherView = this.valueView
    this.valueBuf = buf
    this.valueView = view
  }

  private addNode(keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const { page } = this
    const keyBytes = keyEnd - keyStart
    const valueBytes = valueEnd - valueStart
    if (NODE_HEADER_BYTES + keyBytes + valueBytes > MAX_NODE_BYTES) {
      this.addBig(keyStart, keyEnd, valueStart, valueEnd)
    } else {
      if (!page.takes(nodeRoom(keyBytes, valueBytes), this.spare)) this.closePage()
      const node = page.push(0, this.keyBuf, this.keyView, keyStart, keyEnd, valueBytes)
      const data = node + NODE_HEADER_BYTES + keyBytes
      copySpan(page.bytes, page.view, data, this.valueBuf, this.valueView, valueStart, valueEnd)
    }
    this.lastView = page.view
    this.lastKey = page.upper + NODE_HEADER_BYTES
    this.lastKeyBytes = keyBytes
    this.entries++
  }

  private addBig(keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const { page } = this
    const keyBytes = keyEnd - keyStart
    const valueBytes = valueEnd - valueStart
    const run = this.out.putRun(this.valueBuf, valueStart, valueEnd)
    this.overflowPages += overflowPages(valueBytes)
    if (!page.takes(nodeRoom(keyBytes, BIG_REF_BYTES), this.spare)) this.closePage()
    const node = page.push(NodeFlag.big, this.keyBuf, this.keyView, keyStart, keyEnd, valueBytes, BIG_REF_BYTES)
    const data = node + NODE_HEADER_BYTES + keyBytes
    page.view.setUint32(data, run, true)
    page.view.setUint32(data + 4, 0, true)
    this.refs.push(data)
  }

  /** Adds another value of the last key. The key's first value moves from the page to the group. */
  private addDup(group: DupGroup, valueStart: number, valueEnd: number): void {
    const { page } = this
    const valueBytes = valueEnd - valueStart
    if (!(valueBytes >= 1 && valueBytes <= MAX_KEY_BYTES)) throw this.badSize('duplicate', valueBytes)
    if (!group.isOpen) {
      const first = this.lastKey + this.lastKeyBytes
      const firstBytes = page.view.getUint32(page.upper, true)
      const order = compareSpans(this.valueView, valueStart, valueBytes, page.view, first, firstBytes)
      if (order === 0) {
        this.droppedDups++
        return
      }
      if (order < 0) throw this.outOfOrder('duplicate', this.valueBuf, valueStart, valueEnd)
      page.pop()
      group.open(page.bytes.subarray(this.lastKey, this.lastKey + this.lastKeyBytes))
      group.add(page.bytes, page.view, first, first + firstBytes)
      this.lastView = group.keyView
      this.lastKey = 0
    } else {
      const order = group.compareLast(this.valueView, valueStart, valueBytes)
      if (order === 0) {
        this.droppedDups++
        return
      }
      if (order < 0) throw this.outOfOrder('duplicate', this.valueBuf, valueStart, valueEnd)
    }
    group.add(this.valueBuf, this.valueView, valueStart, valueEnd)
    this.entries++
  }

  /** Writes the node of a key with several values: a sub-page, or the record of their tree. */
  private closeGroup(group: DupGroup): void {
    const { page } = this
    const isTree = group.isTree
    const dataBytes = isTree ? DB_RECORD_BYTES : group.subPageBytes
    if (!page.takes(nodeRoom(group.keyBytes, dataBytes), this.spare)) this.closePage()
    const flags = isTree ? NodeFlag.dupData | NodeFlag.subData : NodeFlag.dupData
    const node = page.push(flags, group.key, group.keyView, 0, group.keyBytes, dataBytes)
    const data = node + NODE_HEADER_BYTES + group.keyBytes
    if (isTree) {
      group.finishTree(page.view, data)
      this.refs.push(data + DB_RECORD_BYTES - 8)
    } else {
      group.finishSubPage(page, data)
    }
  }

  private closePage(): void {
    const { page } = this
    const node = page.node(0)
    const start = node + NODE_HEADER_BYTES
    this.leaves.add(page.bytes, start, start + page.keyBytes(node), this.out.putLeaf(page, this.refs))
    page.clear()
    if (this.refs.length > 0) this.refs = []
  }

  private badSize(what: string, bytes: number): MigrationError {
    return new MigrationError(
      'ERR_INTERNAL',
      `Cannot build pages: a ${what} has ${bytes} bytes, expected 1 to ${MAX_KEY_BYTES}`,
    )
  }

  private outOfOrder(what: string, buf: Uint8Array, start: number, end: number): MigrationError {
    const got = Buffer.from(buf.subarray(start, end)).toString('hex')
    const { buffer, byteOffset } = this.lastView
    const last = Buffer.from(buffer, byteOffset + this.lastKey, this.lastKeyBytes).toString('hex')
    return new MigrationError('ERR_INTERNAL', `Cannot build pages: ${what} ${got} is out of order, last key is ${last}`)
  }
}

/** The values of a key that has several: a sub-page as long as they fit, then pages of a tree of their own. */
class DupGroup {
  isOpen = false
  isTree = false
  keyBytes = 0
  readonly key = new Uint8Array(MAX_KEY_BYTES + 1)
  readonly keyView = viewOf(this.key)
  private readonly page = new NodePage()
  private readonly branches: BranchBuilder
  private leafPages = 0
  private entries = 0

  constructor(
    private readonly out: ChunkWriter,
    private readonly spare: number,
  ) {
    this.branches = new BranchBuilder(spare, (page) => out.putBranch(page))
  }

  /** The size that LMDB gives a sub-page: exactly its header, offsets and nodes. */
  get subPageBytes(): number {
    return PAGE_HEADER_BYTES + this.page.usedBytes
  }

  open(key: Uint8Array): void {
    this.key.set(key)
    this.keyBytes = key.length
    this.isOpen = true
    this.isTree = false
    this.leafPages = 0
    this.entries = 0
    this.page.clear()
  }

  compareLast(view: DataView, start: number, bytes: number): number {
    const { page } = this
    return compareSpans(view, start, bytes, page.view, page.upper + NODE_HEADER_BYTES, page.keyBytes(page.upper))
  }

  add(buf: Uint8Array, view: DataView, start: number, end: number): void {
    const { page } = this
    const room = nodeRoom(end - start, 0)
    if (!this.isTree && NODE_HEADER_BYTES + this.keyBytes + this.subPageBytes + room > MAX_NODE_BYTES)
      this.isTree = true
    if (this.isTree && !page.takes(room, this.spare)) this.closePage()
    page.push(0, buf, view, start, end, 0)
    this.entries++
  }

  /** Writes the sub-page at `at`: this page without the free middle, with offsets shifted to match. */
  finishSubPage(to: NodePage, at: number): void {
    const { page } = this
    const bytes = this.subPageBytes
    const cut = PAGE_BYTES - bytes
    const { view } = to
    view.setUint32(at, SUB_PAGE_NUMBER, true)
    view.setUint32(at + 4, 0, true)
    view.setUint16(at + 8, 0, true)
    view.setUint16(at + 10, SUB_PAGE_FLAGS, true)
    view.setUint16(at + 12, page.lower, true)
    view.setUint16(at + 14, page.lower, true)
    for (let i = PAGE_HEADER_BYTES; i < page.lower; i += 2) {
      view.setUint16(at + i, page.view.getUint16(i, true) - cut, true)
    }
    copySpan(to.bytes, view, at + page.lower, page.bytes, page.view, page.upper, PAGE_BYTES)
    this.isOpen = false
  }

  /** Puts the last pages of the tree and writes its `MDB_db`; the root number is still relative. */
  finishTree(view: DataView, at: number): void {
    this.closePage()
    const { root, branchPages, levels } = this.branches.finish()
    const { leafPages, entries } = this
    writeDbRecord(view, at, {
      pad: 0,
      flags: 0,
      depth: levels + 1,
      branchPages,
      leafPages,
      overflowPages: 0,
      entries,
      root,
    })
    this.isOpen = false
  }

  private closePage(): void {
    const { page } = this
    const node = page.node(0)
    const start = node + NODE_HEADER_BYTES
    const number = this.out.putLeaf(page)
    this.branches.add(number, page.bytes, page.view, start, start + page.keyBytes(node))
    this.leafPages++
    page.clear()
  }
}

/** First keys and numbers of the leaf pages, in growing arrays. */
class LeafList {
  private readonly keys = new ByteListBuilder()
  private pages = new Uint32Array(1 << 7)

  add(buf: Uint8Array, start: number, end: number, page: number): void {
    const { count } = this.keys
    if (count === this.pages.length) this.pages = grown(this.pages, new Uint32Array(2 * count))
    this.pages[count] = page
    this.keys.add(buf, start, end)
  }

  pack(): Pick<LeafSummary, 'keys' | 'keyEnds' | 'pages'> {
    const { bytes: keys, ends: keyEnds } = this.keys.pack()
    return { keys, keyEnds, pages: this.pages.slice(0, this.keys.count) }
  }
}
