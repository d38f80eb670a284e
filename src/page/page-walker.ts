import { closeSync, existsSync, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { hexBytes } from '../bytes/hex.js'
import { viewOf } from '../bytes/spans.js'
import { MigrationError } from '../errors.js'
import { type OpenFile, readAt } from '../file/read-at.js'
import { CheckedPage, type Key } from './checked-page.js'
import {
  DATA_VERSION,
  DB_RECORD_BYTES,
  DbFlag,
  type DbRecord,
  MAGIC,
  MAX_KEY_BYTES,
  Meta,
  maxNodeBytes,
  NO_PAGE,
  NODE_HEADER_BYTES,
  NodeFlag,
  PAGE_HEADER_BYTES,
  PageFlag,
  readDbRecord,
  readU16,
  readU48,
  storedPageBytes,
} from './format.js'

/** More complaints would not help anyone; `complaintCount` goes on. */
const MAX_COMPLAINTS = 100
const MAX_DEPTH = 32
/** Pages per read: the leaf pages of a db mostly follow each other. */
const BLOCK_PAGES = 64
const MAX_BLOCKS = 64

/** What the walk found in a tree. */
export interface TreeCounts {
  dupSort: boolean
  depth: number
  /** Rows, counting each duplicate. */
  entries: number
  branchPages: number
  leafPages: number
  overflowPages: number
  /** Keys whose values are in a sub-page, and keys whose values are in a tree of their own. */
  subPages: number
  subTrees: number
  /** Pages of these trees. */
  subTreePages: number
  /** Bytes of all leaf pages that headers, offsets and nodes use. */
  usedLeafBytes: number
}

export interface SlabWalk {
  readonly path: string
  readonly txnId: number
  readonly mapSize: number
  readonly lastPage: number
  readonly freePages: number
  readonly dbs: ReadonlyMap<string, TreeCounts>
  /** Rows of the unnamed db that are not db records. */
  readonly mainRows: number
  /** The first problems found, each with its page. Empty: the file is sound. */
  readonly complaints: readonly string[]
  readonly complaintCount: number
}

/**
 * Reads every page of an LMDB file of data format 1, of any page size, and checks what LMDB relies on: every page is
 * either free or reached exactly once; flags, bounds, sizes; the order of keys; the counts in the db records.
 *
 * @throws {MigrationError} ERR_SLAB_CORRUPT or ERR_SLAB_FORMAT when there is no valid meta page to start from
 */
export function walkSlab(path: string): SlabWalk {
  const file = path.endsWith('.mdb') || !existsSync(join(path, 'data.mdb')) ? path : join(path, 'data.mdb')
  const fd = openSync(file, 'r')
  try {
    return new SlabWalker(file, fd).walk()
  } finally {
    closeSync(fd)
  }
}

interface Tree {
  readonly name: string
  readonly kind: 'main' | 'free' | 'plain' | 'dupSort' | 'subTree'
  readonly counts: TreeCounts
}

class SlabWalker {
  private readonly complaints: string[] = []
  private complaintCount = 0
  private readonly pageBytes: number
  private readonly meta: { mapSize: number; freeDb: DbRecord; mainDb: DbRecord; lastPage: number; txnId: number }
  /** For each page, what uses it: an index into `owners` plus 1. */
  private readonly seen: Uint32Array
  private readonly owners: string[] = []
  private readonly file: OpenFile
  private readonly blocks = new Map<number, Uint8Array>()
  private readonly dbs = new Map<string, TreeCounts>()
  private mainRows = 0
  private freePages = 0

  constructor(
    private readonly path: string,
    fd: number,
  ) {
    this.file = { path, fd }
    this.pageBytes = pageBytesOf(this.file)
    this.meta = this.newestMeta()
    this.seen = new Uint32Array(this.meta.lastPage + 1)
    this.claim(0, 2, 'the meta pages')
  }

  walk(): SlabWalk {
    const { path, meta, dbs, complaints } = this
    this.walkTree('free db', 'free', meta.freeDb, DbFlag.integerKey, this.pageBytes)
    this.walkTree('main db', 'main', meta.mainDb, 0, 0)
    this.checkUnclaimed()
    const { txnId, mapSize, lastPage } = meta
    const { freePages, mainRows, complaintCount } = this
    return { path, txnId, mapSize, lastPage, freePages, dbs, mainRows, complaints, complaintCount }
  }

  private complain(what: string): void {
    this.complaintCount++
    if (this.complaints.length < MAX_COMPLAINTS) this.complaints.push(what)
  }

  /** Walks a tree and compares its record with what it finds. The record must have these `flags` and this `pad`. */
  private walkTree(name: string, kind: Tree['kind'], record: DbRecord, flags: number, pad: number): TreeCounts {
    const counts = noCounts(kind === 'dupSort')
    const tree = { name, kind, counts }
    if (record.flags !== flags) this.complain(`${name}: flags are 0x${hex(record.flags)}, expected 0x${hex(flags)}`)
    if (record.pad !== pad) this.complain(`${name}: pad is ${record.pad}, expected ${pad}`)
    if (record.root === NO_PAGE) {
      if (record.depth !== 0) this.complain(`${name}: depth is ${record.depth} without a root`)
    } else {
      if (record.depth < 1 || record.depth > MAX_DEPTH) this.complain(`${name}: depth is ${record.depth}`)
      counts.depth = record.depth
      this.walkPage(tree, record.root, record.depth, null, null)
    }
    const isSame = (key: 'entries' | 'branchPages' | 'leafPages' | 'overflowPages') => {
      if (record[key] !== counts[key]) this.complain(`${name}: ${key} is ${record[key]}, found ${counts[key]}`)
    }
    isSame('entries')
    isSame('branchPages')
    isSame('leafPages')
    isSame('overflowPages')
    return counts
  }

  /** Walks a page whose keys must be `>= low` and `< high`; `depth` 1 is a leaf. */
  private walkPage(tree: Tree, pgno: number, depth: number, low: Key, high: Key): void {
    if (!this.claim(pgno, 1, tree.name)) return
    const buf = this.readPage(pgno)
    const where = `page ${pgno} of ${tree.name}`
    const page = new CheckedPage(buf, 0, this.pageBytes, where, (what) => this.complain(what))
    const want = depth === 1 ? PageFlag.leaf : PageFlag.branch
    if (readU64(buf, 0) !== pgno) this.complain(`${where}: its header says page ${readU64(buf, 0)}`)
    if (page.flags !== want) {
      this.complain(`${where}: flags are 0x${hex(page.flags)}, expected 0x${hex(want)}`)
      return
    }
    if (!page.isSound) return
    const isOrdered = tree.kind !== 'free'
    if (depth === 1) {
      if (isOrdered) page.checkOrder(0, low, high)
      if (page.count === 0) this.complain(`${where}: it has no rows`)
      tree.counts.leafPages++
      tree.counts.usedLeafBytes += this.pageBytes - page.freeBytes
      for (let i = 0; i < page.count; i++) this.walkNode(tree, page, i, where)
      return
    }
    tree.counts.branchPages++
    if (page.count < 2) this.complain(`${where}: a branch page has ${page.count} children, expected 2 or more`)
    if (page.count > 0 && page.keyBytes(0) !== 0) this.complain(`${where}: its first key is not empty`)
    if (isOrdered) page.checkOrder(1, low, high)
    for (let i = 0; i < page.count; i++) {
      const childLow = i === 0 ? low : page.key(i)
      const childHigh = i + 1 === page.count ? high : page.key(i + 1)
      this.walkPage(tree, page.child(i), depth - 1, childLow, childHigh)
    }
  }

  private walkNode(tree: Tree, page: CheckedPage, index: number, where: string): void {
    const { counts, kind } = tree
    const flags = page.nodeFlags(index)
    const keyBytes = page.keyBytes(index)
    if (keyBytes < 1 || keyBytes > MAX_KEY_BYTES) this.complain(`${where}: key ${index} has ${keyBytes} bytes`)
    if (flags === (NodeFlag.dupData | NodeFlag.subData) && kind === 'dupSort') {
      this.walkSubTree(tree, page, index, where)
      return
    }
    if (flags === NodeFlag.dupData && kind === 'dupSort') {
      this.walkSubPage(tree, page, index, where)
      return
    }
    if (flags === NodeFlag.subData && kind === 'main') {
      this.walkNamedDb(tree, page, index, where)
      return
    }
    counts.entries++
    if (kind === 'main') this.mainRows++
    const dataBytes = page.dataBytes(index)
    if (flags === NodeFlag.big && kind !== 'dupSort' && kind !== 'subTree') {
      this.walkRun(tree, page, index, where)
    } else if (flags !== 0) {
      this.complain(`${where}: node ${index} has flags 0x${hex(flags)}`)
      return
    } else if (NODE_HEADER_BYTES + keyBytes + dataBytes > maxNodeBytes(this.pageBytes)) {
      this.complain(`${where}: node ${index} of ${keyBytes} + ${dataBytes} bytes should have overflow pages`)
    }
    if (kind === 'dupSort' && dataBytes > MAX_KEY_BYTES) {
      this.complain(`${where}: the value of node ${index} has ${dataBytes} bytes`)
    }
    if (kind === 'subTree' && dataBytes !== 0) this.complain(`${where}: duplicate ${index} has data`)
    if (kind === 'free') this.walkFreeList(page, index, where)
  }

  private walkNamedDb(tree: Tree, page: CheckedPage, index: number, where: string): void {
    tree.counts.entries++
    const name = Buffer.from(page.key(index)).toString('utf8')
    const record = this.recordAt(page, index, where)
    if (record === null) return
    const dupSort = (record.flags & DbFlag.dupSort) !== 0
    const counts = this.walkTree(`db "${name}"`, dupSort ? 'dupSort' : 'plain', record, dupSort ? DbFlag.dupSort : 0, 0)
    this.dbs.set(name, counts)
  }

  private walkSubTree(tree: Tree, page: CheckedPage, index: number, where: string): void {
    const record = this.recordAt(page, index, where)
    if (record === null) return
    const key = hexBytes(page.key(index))
    const counts = this.walkTree(`the values of ${key} in ${tree.name}`, 'subTree', record, 0, 0)
    tree.counts.entries += counts.entries
    tree.counts.subTrees++
    tree.counts.subTreePages += counts.branchPages + counts.leafPages
    if (counts.entries === 0) this.complain(`${where}: node ${index} has an empty tree of values`)
  }

  private walkSubPage(tree: Tree, page: CheckedPage, index: number, where: string): void {
    const { counts } = tree
    counts.subPages++
    const bytes = page.dataBytes(index)
    const subWhere = `${where}, sub-page of node ${index}`
    if (bytes < PAGE_HEADER_BYTES || NODE_HEADER_BYTES + page.keyBytes(index) + bytes > maxNodeBytes(this.pageBytes)) {
      this.complain(`${subWhere}: it has ${bytes} bytes`)
      return
    }
    const at = page.dataAt(index)
    const sub = new CheckedPage(page.buf, at, bytes, subWhere, (what) => this.complain(what))
    const want = PageFlag.leaf | PageFlag.dirty | PageFlag.sub
    if (sub.flags !== want) this.complain(`${subWhere}: flags are 0x${hex(sub.flags)}, expected 0x${hex(want)}`)
    if (readU64(page.buf, at) <= 1) this.complain(`${subWhere}: its page number is ${readU64(page.buf, at)}`)
    if (!sub.isSound) return
    if (sub.count === 0) this.complain(`${subWhere}: it is empty`)
    sub.checkOrder(0, null, null)
    for (let i = 0; i < sub.count; i++) {
      const size = sub.keyBytes(i)
      if (size < 1 || size > MAX_KEY_BYTES) this.complain(`${subWhere}: duplicate ${i} has ${size} bytes`)
      if (sub.nodeFlags(i) !== 0 || sub.dataBytes(i) !== 0)
        this.complain(`${subWhere}: duplicate ${i} has flags or data`)
    }
    counts.entries += sub.count
  }

  private walkRun(tree: Tree, page: CheckedPage, index: number, where: string): void {
    const pgno = readU64(page.buf, page.dataAt(index))
    const need = Math.ceil((PAGE_HEADER_BYTES + page.dataBytes(index)) / this.pageBytes)
    if (!(pgno >= 2 && pgno <= this.meta.lastPage)) {
      this.complain(`${where}: node ${index} refers to page ${pgno}`)
      return
    }
    const head = this.readPage(pgno)
    const view = viewOf(head)
    const pages = view.getUint32(12, true)
    const flags = view.getUint16(10, true)
    const run = `page ${pgno}, value of node ${index} of ${where}`
    if (flags !== PageFlag.overflow) this.complain(`${run}: flags are 0x${hex(flags)}, expected 0x${PageFlag.overflow}`)
    if (readU64(head, 0) !== pgno) this.complain(`${run}: its header says page ${readU64(head, 0)}`)
    if (pages < need) this.complain(`${run}: it has ${pages} pages, ${need} are needed`)
    tree.counts.overflowPages += pages
    this.claim(pgno, pages, tree.name)
  }

  private walkFreeList(page: CheckedPage, index: number, where: string): void {
    const list = this.dataOf(page, index)
    const txnId = readU64(page.key(index), 0)
    if (txnId > this.meta.txnId) this.complain(`${where}: pages freed by transaction ${txnId} of ${this.meta.txnId}`)
    const count = list.length < 8 ? -1 : readU64(list, 0)
    if (8 * (count + 1) > list.length) {
      this.complain(`${where}: a free list of ${list.length} bytes says ${count} pages`)
      return
    }
    let last = Number.POSITIVE_INFINITY
    for (let i = 1; i <= count; i++) {
      const pgno = readU64(list, 8 * i)
      if (pgno >= last) this.complain(`${where}: free page ${pgno} comes after ${last}`)
      last = pgno
      this.freePages++
      this.claim(pgno, 1, 'the free list')
    }
  }

  private dataOf(page: CheckedPage, index: number): Uint8Array {
    const bytes = page.dataBytes(index)
    const at = page.dataAt(index)
    if (page.nodeFlags(index) !== NodeFlag.big) return page.buf.subarray(at, at + bytes)
    const pgno = readU64(page.buf, at)
    // There was already a complaint about a list that ends outside of the file.
    const room = Math.max(0, (this.meta.lastPage + 1 - pgno) * this.pageBytes - PAGE_HEADER_BYTES)
    const value = new Uint8Array(Math.min(bytes, room))
    const got = readAt(this.file, value, value.length, pgno * this.pageBytes + PAGE_HEADER_BYTES)
    return value.subarray(0, got)
  }

  private recordAt(page: CheckedPage, index: number, where: string): DbRecord | null {
    if (page.dataBytes(index) === DB_RECORD_BYTES) return readDbRecord(page.view, page.dataAt(index))
    this.complain(`${where}: the record of node ${index} has ${page.dataBytes(index)} bytes`)
    return null
  }

  /** Marks pages as used by `owner`; false when they are outside of the file or already in use. */
  private claim(first: number, count: number, owner: string): boolean {
    if (this.owners.at(-1) !== owner) this.owners.push(owner)
    const id = this.owners.length
    // Check before the loop: a counter above 2^53 would never reach its end.
    if (!(first >= 0 && first + count - 1 <= this.meta.lastPage)) {
      this.complain(`${owner}: page ${first} lies beyond the last page, ${this.meta.lastPage}`)
      return false
    }
    for (let pgno = first; pgno < first + count; pgno++) {
      if (this.seen[pgno] !== 0) {
        this.complain(`page ${pgno} belongs to ${owner} and to ${this.owners[this.seen[pgno] - 1]}`)
        return false
      }
      this.seen[pgno] = id
    }
    return true
  }

  private checkUnclaimed(): void {
    for (let pgno = this.seen.indexOf(0); pgno >= 0; pgno = this.seen.indexOf(0, pgno + 1)) {
      this.complain(`page ${pgno} is neither reachable nor free`)
    }
  }

  private readPage(pgno: number): Uint8Array {
    const block = Math.floor(pgno / BLOCK_PAGES)
    let bytes = this.blocks.get(block)
    if (bytes === undefined) {
      if (this.blocks.size === MAX_BLOCKS) this.blocks.delete(this.blocks.keys().next().value as number)
      bytes = new Uint8Array(BLOCK_PAGES * this.pageBytes)
      readAt(this.file, bytes, bytes.length, block * bytes.length)
      this.blocks.set(block, bytes)
    }
    const at = (pgno % BLOCK_PAGES) * this.pageBytes
    return bytes.subarray(at, at + this.pageBytes)
  }

  private newestMeta() {
    const found = [0, 1].map((index) => this.metaAt(index)).filter((meta) => meta !== null)
    const newest = found.reduce<(typeof found)[number] | null>((a, b) => (a && a.txnId >= b.txnId ? a : b), null)
    if (newest === null) {
      throw new MigrationError('ERR_SLAB_CORRUPT', `Cannot walk slab "${this.path}": neither meta page is valid`, {
        path: this.path,
      })
    }
    const pages = Math.floor(fstatSync(this.file.fd).size / this.pageBytes)
    if (newest.lastPage >= pages) {
      this.complain(`the last page is ${newest.lastPage}, the file ends before page ${pages}`)
      return { ...newest, lastPage: pages - 1 }
    }
    return newest
  }

  private metaAt(index: number) {
    const bytes = new Uint8Array(this.pageBytes)
    readAt(this.file, bytes, this.pageBytes, index * this.pageBytes)
    const view = viewOf(bytes)
    if (view.getUint32(Meta.magic, true) !== MAGIC) {
      this.complain(`meta page ${index} has no magic number`)
      return null
    }
    const version = view.getUint32(Meta.version, true)
    if (version !== DATA_VERSION) {
      const what = `data format is ${version}, expected ${DATA_VERSION}`
      throw new MigrationError('ERR_SLAB_FORMAT', `Cannot walk slab "${this.path}": ${what}`, { path: this.path })
    }
    if (view.getUint16(10, true) !== PageFlag.meta) this.complain(`meta page ${index} has other flags`)
    return {
      mapSize: Number(view.getBigUint64(Meta.mapSize, true)),
      freeDb: readDbRecord(view, Meta.freeDb),
      mainDb: readDbRecord(view, Meta.mainDb),
      lastPage: Number(view.getBigUint64(Meta.lastPage, true)),
      txnId: Number(view.getBigUint64(Meta.txnId, true)),
    }
  }
}

/** The page size in the first meta page, or the usual one when there is none. */
function pageBytesOf(file: OpenFile): number {
  const head = new Uint8Array(Meta.freeDb + 4)
  readAt(file, head, head.length, 0)
  return storedPageBytes(viewOf(head).getUint32(Meta.freeDb, true))
}

/** Reads all 64 bits: a damaged page number may have more than 48. */
function readU64(buf: Uint8Array, at: number): number {
  return readU48(buf, at) + readU16(buf, at + 6) * 2 ** 48
}

function noCounts(dupSort: boolean): TreeCounts {
  return {
    dupSort,
    depth: 0,
    entries: 0,
    branchPages: 0,
    leafPages: 0,
    overflowPages: 0,
    subPages: 0,
    subTrees: 0,
    subTreePages: 0,
    usedLeafBytes: 0,
  }
}

function hex(value: number): string {
  return value.toString(16)
}
