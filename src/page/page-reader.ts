import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { MigrationError } from '../errors.js'
import { atPath, isThere, readHint, whyUnreadable } from '../file/at-path.js'
import {
  DATA_VERSION,
  DB_RECORD_BYTES,
  DbFlag,
  type DbRecord,
  MAGIC,
  Meta,
  NO_PAGE,
  NODE_HEADER_BYTES,
  NodeFlag,
  PAGE_HEADER_BYTES,
  PageFlag,
  readDbRecord,
  readU16,
  readU32,
  readU48,
  storedPageBytes,
} from './format.js'

/** Leaves that follow each other in the file are read together, this many bytes at most: 256 KiB is past the knee. */
const WINDOW_BYTES = 1 << 18
/** Deeper than any tree of 2^48 pages: a loop of page numbers ends here. */
const MAX_DEPTH = 32

/**
 * Reads an LMDB file of data format 1 with our own code: no environment, no lock file, no mapping, any number of threads.
 * Every offset is checked, so a damaged file is an error and never a crash. It sees the newest commit at the time of
 * opening; a writer that goes on would reuse pages below it, so the caller makes sure that there is none and asks
 * `assertUnchanged()` at the end.
 */
export class SlabReader {
  readonly pageSize: number
  readonly txnId: number
  readonly lastPage: number
  readonly mainDb: DbRecord
  readonly freeDb: DbRecord
  readonly mapSize: number
  private readonly fd: number
  private readonly dbs = new Map<string, DbReader>()

  private constructor(readonly path: string) {
    this.fd = openSync(path, 'r')
    try {
      const meta = this.newestMeta()
      this.pageSize = meta.pageSize
      this.txnId = meta.txnId
      this.lastPage = meta.lastPage
      this.mainDb = meta.mainDb
      this.freeDb = meta.freeDb
      this.mapSize = meta.mapSize
      this.listDbs()
    } catch (err) {
      closeSync(this.fd)
      throw err
    }
  }

  /** Opens `<dir>/data.mdb`, or the file itself. */
  static open(path: string): SlabReader {
    const file = dataFile(path)
    if (!isThere(file, `open slab "${path}"`)) throw cannotOpen(path, `there is no ${file}`)
    // Opening a pipe would wait for ever.
    if (atPath(file).kind !== 'file') throw cannotOpen(path, `${file} is not a regular file`)
    const unreadable = whyUnreadable(file)
    if (unreadable !== null) throw cannotOpen(path, unreadable, readHint(file))
    try {
      return new SlabReader(file)
    } catch (error) {
      // Some file systems say so only now.
      const { code = '', message } = error as NodeJS.ErrnoException
      if (['EACCES', 'EPERM', 'ESTALE'].includes(code)) throw cannotOpen(path, message, readHint(file))
      throw error
    }
  }

  /**
   * Whether there is a slab; it may be damaged.
   *
   * @throws {MigrationError} ERR_SOURCE when a link leads nowhere or a directory may not be looked into: nobody can tell
   */
  static exists(path: string): boolean {
    return isThere(dataFile(path), `open slab "${path}"`)
  }

  /** Names of the databases, in key order. */
  dbNames(): string[] {
    return [...this.dbs.keys()]
  }

  db(name: string): DbReader | undefined {
    return this.dbs.get(name)
  }

  /** The plain rows of the unnamed database, those that are no database records. */
  mainRows(): { key: Uint8Array; value: Uint8Array }[] {
    return this.mainEntries().filter((row) => !row.isDb)
  }

  /** @throws {MigrationError} ERR_SOURCE_CHANGED when somebody has committed since this reader was opened */
  assertUnchanged(): void {
    const { txnId } = this.newestMeta()
    if (txnId === this.txnId) return
    throw new MigrationError('ERR_SOURCE_CHANGED', `Slab "${this.path}" was written to while it was read`, {
      path: this.path,
      hint: 'Stop the Cortex that uses it, or migrate a backup of it',
    })
  }

  close(): void {
    closeSync(this.fd)
  }

  /** Reads `count` pages from `pgno` on into a new buffer, or to the start of the one that is given. */
  readPages(pgno: number, count: number, into?: Uint8Array): Uint8Array {
    if (!(pgno >= 2 && count >= 1 && pgno + count - 1 <= this.lastPage)) {
      throw this.corrupt(`page ${pgno} of ${count} lies outside of 2..${this.lastPage}`)
    }
    const bytes = count * this.pageSize
    const buf = into ?? Buffer.allocUnsafeSlow(bytes)
    const got = readSync(this.fd, buf, 0, bytes, pgno * this.pageSize)
    if (got !== bytes) throw this.corrupt(`page ${pgno} ends after ${got} of ${bytes} bytes`)
    return buf
  }

  corrupt(found: string): MigrationError {
    return new MigrationError('ERR_SLAB_CORRUPT', `Cannot read slab "${this.path}": ${found}`, {
      path: this.path,
      hint: 'Restore it from a backup, or let "mdb_copy -c" of LMDB tell whether it can still be copied',
    })
  }

  private mainEntries(): { key: Uint8Array; value: Uint8Array; isDb: boolean }[] {
    const rows: { key: Uint8Array; value: Uint8Array; isDb: boolean }[] = []
    const cursor = new RowCursor(this, this.mainDb)
    for (let more = cursor.seek(null); more; more = cursor.next()) {
      rows.push({ key: cursor.key(), value: cursor.value(), isDb: (cursor.nodeFlags & NodeFlag.subData) !== 0 })
    }
    return rows
  }

  private listDbs(): void {
    const entries = this.mainEntries()
    // Otherwise a wrong page number would show a slab without databases: one that has nothing in it.
    if (entries.length !== this.mainDb.entries) {
      throw this.corrupt(`its unnamed database has ${entries.length} rows of ${this.mainDb.entries}`)
    }
    for (const { key, value, isDb } of entries) {
      if (!isDb) continue
      if (value.length !== DB_RECORD_BYTES) throw this.corrupt(`a database record has ${value.length} bytes`)
      const name = Buffer.from(key).toString('utf8')
      const record = readDbRecord(new DataView(value.buffer, value.byteOffset, value.byteLength), 0)
      if ((record.flags & (DbFlag.reverseKey | DbFlag.integerKey | DbFlag.dupFixed)) !== 0) {
        throw this.corrupt(`database "${name}" has flags 0x${record.flags.toString(16)}, which no Synapse slab has`)
      }
      this.dbs.set(name, new DbReader(this, name, record))
    }
  }

  private newestMeta() {
    const metas = [0, this.firstPageSize()].map((position, number) => {
      const meta = this.metaAt(position)
      // As LMDB does: the other one alone may speak of an older state, or of an empty file.
      if (meta === null) throw this.corrupt(`meta page ${number} is not valid`)
      return meta
    })
    return metas.reduce((a, b) => (b.txnId > a.txnId ? b : a))
  }

  private firstPageSize(): number {
    const head = Buffer.alloc(Meta.freeDb + 4)
    readSync(this.fd, head, 0, head.length, 0)
    return storedPageBytes(head.readUInt32LE(Meta.freeDb))
  }

  private metaAt(position: number) {
    const head = Buffer.alloc(Meta.txnId + 8)
    if (readSync(this.fd, head, 0, head.length, position) !== head.length) return null
    if (head.readUInt32LE(Meta.magic) !== MAGIC || (head.readUInt16LE(10) & PageFlag.meta) === 0) return null
    const version = head.readUInt32LE(Meta.version)
    if (version !== DATA_VERSION) {
      throw new MigrationError(
        'ERR_SLAB_FORMAT',
        `Cannot open slab "${this.path}": data format is ${version}, expected ${DATA_VERSION}`,
        { path: this.path, hint: 'Synapse writes format 1: this file was made by another program' },
      )
    }
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
    const freeDb = readDbRecord(view, Meta.freeDb)
    return {
      pageSize: freeDb.pad,
      freeDb,
      mainDb: readDbRecord(view, Meta.mainDb),
      mapSize: Number(head.readBigUInt64LE(Meta.mapSize)),
      lastPage: Math.min(
        Number(head.readBigUInt64LE(Meta.lastPage)),
        Math.max(1, Math.ceil(fstatSync(this.fd).size / freeDb.pad) - 1),
      ),
      txnId: Number(head.readBigUInt64LE(Meta.txnId)),
    }
  }
}

function cannotOpen(
  path: string,
  found: string,
  hint = 'Check that the directory is a whole copy of the Cortex',
): MigrationError {
  return new MigrationError('ERR_SOURCE', `Cannot open slab "${path}": ${found}`, { path, hint })
}

/** One named database of a slab. */
export class DbReader {
  constructor(
    private readonly slab: SlabReader,
    readonly name: string,
    readonly record: DbRecord,
  ) {}

  /** Pages that hold its rows, as it says: never more than the slab has, for a plan of damaged numbers has no end. */
  get dataPages(): number {
    return Math.min(this.record.leafPages + this.record.overflowPages, this.slab.lastPage)
  }

  /** Rows, duplicates counted one by one. */
  get entries(): number {
    return this.record.entries
  }

  get dupSort(): boolean {
    return (this.record.flags & DbFlag.dupSort) !== 0
  }

  cursor(): RowCursor {
    return new RowCursor(this.slab, this.record)
  }

  /**
   * A cursor for those who keep nothing of a row: it reads leaf pages into one buffer again and again, so that the buffers of
   * a row hold until the next `seek()` or `next()` only. That saves the kernel from clearing new memory for each read, which
   * takes longer than the copy.
   */
  scanner(): RowCursor {
    return new RowCursor(this.slab, this.record, Buffer.allocUnsafeSlow(WINDOW_BYTES))
  }

  /** Rows with `gte <= key < lt`, as copies: for the small databases, and for tests. */
  *rows(
    gte: Uint8Array | null = null,
    lt: Uint8Array | null = null,
  ): Generator<{ key: Uint8Array; value: Uint8Array }> {
    const cursor = this.cursor()
    for (let more = cursor.seek(gte); more; more = cursor.next()) {
      const key = cursor.key()
      if (lt !== null && Buffer.compare(key, lt) >= 0) return
      yield { key, value: cursor.value() }
    }
  }

  /** The value of a key, of the first duplicate if there are several, or undefined. */
  get(key: Uint8Array): Uint8Array | undefined {
    const cursor = this.cursor()
    return cursor.seek(key) && Buffer.compare(cursor.key(), key) === 0 ? cursor.value() : undefined
  }

  /** Whether there is a row of exactly this key and value. */
  has(key: Uint8Array, value: Uint8Array): boolean {
    return this.cursor().seekRow(key, value)
  }

  /** The last row, or undefined. */
  last(): { key: Uint8Array; value: Uint8Array } | undefined {
    const cursor = this.cursor()
    return cursor.seekLast() ? { key: cursor.key(), value: cursor.value() } : undefined
  }

  /**
   * Keys that cut the tree into parts of similar size: the separators of its branch pages, from as few levels as give
   * `atLeast` of them (all, if the tree has fewer). Between two neighbours lies the same number of pages, give or take
   * the fill of the pages: it needs no assumption on how keys are spread.
   */
  separators(atLeast: number): Uint8Array[] {
    if (this.record.root === NO_PAGE) return []
    let level = [this.record.root]
    let keys: Uint8Array[] = []
    for (let depth = 1; depth < this.record.depth && keys.length < atLeast; depth++) {
      const below: number[] = []
      const found: Uint8Array[] = []
      for (const [index, pgno] of level.entries()) {
        if (index > 0) found.push(keys[index - 1])
        const page = new Page(this.slab, this.slab.readPages(pgno, 1), 0)
        if (!page.isBranch) throw this.slab.corrupt(`page ${pgno} is no branch page`)
        for (let i = 0; i < page.count; i++) {
          if (i > 0) found.push(page.key(i))
          below.push(page.child(i))
        }
      }
      keys = found
      level = below
    }
    return keys
  }
}

/**
 * Walks the rows of one tree in order. After `seek()` or `next()` returned true, `buf[keyStart, keyEnd)` is the key and
 * `valueBuf[valueStart, valueEnd)` the value. These buffers are never written to again: they may be kept (but for those of a
 * `scanner()`).
 */
export class RowCursor {
  buf: Uint8Array = empty
  keyStart = 0
  keyEnd = 0
  valueBuf: Uint8Array = empty
  valueStart = 0
  valueEnd = 0
  nodeFlags = 0

  private readonly branches: Page[] = []
  private readonly branchIndex: number[] = []
  private leaf: Page | null = null
  private index = 0
  private window: Uint8Array = empty
  private windowStart = 0
  private windowCount = 0
  private dups: Dups | null = null
  /** The last key of the leaf before. */
  private lastKey: Uint8Array = empty

  constructor(
    private readonly slab: SlabReader,
    private readonly record: DbRecord,
    /** Takes leaf pages; null: each read has a buffer of its own. */
    private readonly reused: Uint8Array | null = null,
    private readonly isOfDups = false,
  ) {}

  /** Copies of the key and the value. */
  key(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.buf, this.keyStart, this.keyEnd)
  }

  value(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.valueBuf, this.valueStart, this.valueEnd)
  }

  /** Goes to the first row whose key is `gte` or more; null: to the very first. */
  seek(gte: Uint8Array | null): boolean {
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

  /** Goes to the row of exactly this key and value, and tells whether it is there; the cursor is then used up. */
  seekRow(key: Uint8Array, value: Uint8Array): boolean {
    if (!this.seek(key) || compareBytes(this.buf, this.keyStart, this.keyEnd, key) !== 0) return false
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
    const leaf = this.leaf
    if (leaf === null) return false
    this.index++
    if (this.index >= leaf.count && !this.nextLeaf()) return false
    return this.load()
  }

  private descend(root: number, choose: (page: Page) => number): void {
    this.branches.length = 0
    this.branchIndex.length = 0
    let page = this.pageAt(root)
    while (page.isBranch) {
      if (this.branches.length >= MAX_DEPTH)
        throw this.slab.corrupt(`the tree of page ${root} is deeper than ${MAX_DEPTH}`)
      const index = choose(page)
      this.branches.push(page)
      this.branchIndex.push(index)
      page = this.childAt(page, index)
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
    this.lastKey = before.count === 0 ? empty : before.key(before.count - 1)
    this.branchIndex[level]++
    let page = this.childAt(this.branches[level], this.branchIndex[level])
    for (level++; level < this.branches.length; level++) {
      if (!page.isBranch) throw this.slab.corrupt('leaves lie at different depths')
      this.branches[level] = page
      this.branchIndex[level] = 0
      page = this.childAt(page, 0)
    }
    if (page.isBranch) throw this.slab.corrupt('leaves lie at different depths')
    this.leaf = page
    this.index = 0
    if (page.count === 0) throw this.slab.corrupt('a leaf page is empty')
    // So each leaf is read once, wherever damaged page numbers lead: no tree is without end, and none shows a page twice.
    if (page.compareKey(0, this.lastKey) <= 0) throw page.corrupt('its keys do not follow those of the page before')
    return true
  }

  private childAt(branch: Page, index: number): Page {
    const page = this.windowPage(branch, index)
    if (this.reused === null || !page.isBranch) return page
    // The leaves below it will take its place in the buffer.
    this.windowCount = 0
    return this.pageAt(branch.child(index))
  }

  private windowPage(branch: Page, index: number): Page {
    const pgno = branch.child(index)
    const inWindow = pgno - this.windowStart
    if (inWindow >= 0 && inWindow < this.windowCount) {
      return new Page(this.slab, this.window, inWindow * this.slab.pageSize)
    }
    // Only siblings that follow each other in the file are read ahead: they will be wanted next.
    const most = WINDOW_BYTES / this.slab.pageSize
    let count = 1
    while (count < most && index + count < branch.count && branch.child(index + count) === pgno + count) count++
    this.window = this.slab.readPages(pgno, count, this.reused ?? undefined)
    this.windowStart = pgno
    this.windowCount = count
    return new Page(this.slab, this.window, 0)
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
    if ((readU16(run, 10) & PageFlag.overflow) === 0) throw this.slab.corrupt(`page ${pgno} is no overflow page`)
    // A value that became smaller may have kept the pages that it had.
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

/** The sorted values of one key: keys of a sub-page inside the leaf, or of a tree of their own. */
class Dups {
  buf: Uint8Array = empty
  start = 0
  end = 0
  private readonly page: Page | null = null
  private readonly tree: RowCursor | null = null
  private index = -1

  constructor(slab: SlabReader, buf: Uint8Array, at: number, bytes: number, isTree: boolean) {
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
    if (tree !== null) return tree.seek(value) && compareBytes(tree.buf, tree.keyStart, tree.keyEnd, value) === 0
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

/** A branch or leaf page, or a sub-page, at an offset of a buffer. */
class Page {
  readonly count: number
  readonly isBranch: boolean
  readonly end: number

  constructor(
    private readonly slab: SlabReader,
    readonly buf: Uint8Array,
    readonly at: number,
    bytes = slab.pageSize,
  ) {
    this.end = at + bytes
    const flags = readU16(buf, at + 10)
    if ((flags & (PageFlag.branch | PageFlag.leaf)) === 0 || (flags & PageFlag.leaf2) !== 0) {
      throw this.corrupt(`flags 0x${flags.toString(16)} are those of no branch or leaf page`)
    }
    this.isBranch = (flags & PageFlag.branch) !== 0
    const lower = readU16(buf, at + 12)
    if (lower < PAGE_HEADER_BYTES || at + lower > this.end || (lower & 1) !== 0) {
      throw this.corrupt(`its lower bound is ${lower}`)
    }
    this.count = (lower - PAGE_HEADER_BYTES) >> 1
  }

  /** Where node `index` starts; its header and key lie within the page. */
  node(index: number): number {
    const offset = readU16(this.buf, this.at + PAGE_HEADER_BYTES + 2 * index)
    const node = this.at + offset
    if (offset < PAGE_HEADER_BYTES || node + NODE_HEADER_BYTES > this.end)
      throw this.corrupt(`node ${index} lies at ${offset}`)
    if (node + NODE_HEADER_BYTES + readU16(this.buf, node + 6) > this.end)
      throw this.corrupt(`the key of node ${index} is too long`)
    return node
  }

  key(index: number): Uint8Array {
    const start = this.node(index) + NODE_HEADER_BYTES
    return Uint8Array.prototype.slice.call(this.buf, start, start + readU16(this.buf, start - 2))
  }

  child(index: number): number {
    return readU48(this.buf, this.node(index))
  }

  firstAtOrAbove(key: Uint8Array): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.compareKey(middle, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** For branch pages, whose first key counts as less than any other. */
  lastBelowOrAt(key: Uint8Array): number {
    let low = 1
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.compareKey(middle, key) <= 0) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  corrupt(found: string): MigrationError {
    return this.slab.corrupt(`page ${readU48(this.buf, this.at)}: ${found}`)
  }

  compareKey(index: number, key: Uint8Array): number {
    const start = this.node(index) + NODE_HEADER_BYTES
    const length = readU16(this.buf, start - 2)
    const shared = Math.min(length, key.length)
    for (let i = 0; i < shared; i++) {
      const diff = this.buf[start + i] - key[i]
      if (diff !== 0) return diff
    }
    return length - key.length
  }
}

const empty = new Uint8Array(0)

function compareBytes(buf: Uint8Array, start: number, end: number, other: Uint8Array): number {
  return Buffer.compare(buf.subarray(start, end), other)
}

function dataFile(path: string): string {
  return atPath(path).kind === 'directory' ? join(path, 'data.mdb') : path
}
