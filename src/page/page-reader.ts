import { closeSync, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { type ByteList, ByteListBuilder, itemOf, startOf } from '../bytes/byte-list.js'
import { MigrationError } from '../errors.js'
import { atPath, isThere, readHint, whyUnreadable } from '../file/at-path.js'
import { type OpenFile, readAt } from '../file/read-at.js'
import {
  DATA_VERSION,
  DB_RECORD_BYTES,
  DbFlag,
  type DbRecord,
  MAGIC,
  Meta,
  NO_PAGE,
  NodeFlag,
  PageFlag,
  readDbRecord,
  storedPageBytes,
} from './format.js'
import { Page } from './page.js'
import { RowCursor, WINDOW_BYTES } from './row-cursor.js'

/**
 * Reads an LMDB file of data format 1 with our own code: no environment, no lock file, no mapping, any number of
 * threads. Checks every offset, so a damaged file gives an error and never a crash. It sees the newest commit at the
 * time of opening. An active writer would reuse the pages below it, so the caller makes sure that there is none, and
 * calls `assertUnchanged()` at the end.
 */
export class SlabReader {
  readonly pageSize: number
  readonly txnId: number
  readonly lastPage: number
  readonly mainDb: DbRecord
  readonly freeDb: DbRecord
  readonly mapSize: number
  private readonly file: OpenFile
  private readonly dbs = new Map<string, DbReader>()

  private constructor(readonly path: string) {
    this.file = { path, fd: openSync(path, 'r') }
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
      closeSync(this.file.fd)
      throw err
    }
  }

  /** Opens `<dir>/data.mdb`, or the file itself. */
  static open(path: string): SlabReader {
    const file = dataFile(path)
    if (!isThere(file, `open slab "${path}"`)) throw cannotOpen(path, `there is no ${file}`)
    // Opening a pipe would wait forever.
    if (atPath(file).kind !== 'file') throw cannotOpen(path, `${file} is not a regular file`)
    const unreadable = whyUnreadable(file)
    if (unreadable !== null) throw cannotOpen(path, unreadable, readHint(file))
    try {
      return new SlabReader(file)
    } catch (error) {
      // Some file systems report this only at the read.
      const { code = '', message } = error as NodeJS.ErrnoException
      if (['EACCES', 'EPERM', 'ESTALE'].includes(code)) throw cannotOpen(path, message, readHint(file))
      throw error
    }
  }

  /**
   * Whether there is a slab, damaged or not.
   *
   * @throws {MigrationError} ERR_SOURCE when it cannot tell: a link leads nowhere, or this user may not search a
   *   directory
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

  /** The rows of the unnamed database that are not database records. */
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
    closeSync(this.file.fd)
  }

  /** Reads `count` pages from `pgno` on into a new buffer, or to the start of `into`. */
  readPages(pgno: number, count: number, into?: Uint8Array): Uint8Array {
    if (!(pgno >= 2 && count >= 1 && pgno + count - 1 <= this.lastPage)) {
      throw this.corrupt(`page ${pgno} of ${count} lies outside of 2..${this.lastPage}`)
    }
    const bytes = count * this.pageSize
    const buf = into ?? Buffer.allocUnsafeSlow(bytes)
    const got = readAt(this.file, buf, bytes, pgno * this.pageSize)
    if (got !== bytes) throw this.corrupt(`page ${pgno} ends after ${got} of ${bytes} bytes`)
    return buf
  }

  corrupt(found: string): MigrationError {
    return new MigrationError('ERR_SLAB_CORRUPT', `Cannot read slab "${this.path}": ${found}`, {
      path: this.path,
      hint: 'Restore it from a backup, or try "mdb_copy -c" of LMDB, which tells whether it can still be copied',
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
    // Without this check, a wrong page number could make a slab look empty.
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
      // LMDB does the same: the other meta page alone may describe an older state, or an empty file.
      if (meta === null) throw this.corrupt(`meta page ${number} is not valid`)
      return meta
    })
    return metas.reduce((a, b) => (b.txnId > a.txnId ? b : a))
  }

  private firstPageSize(): number {
    const head = Buffer.alloc(Meta.freeDb + 4)
    readAt(this.file, head, head.length, 0)
    return storedPageBytes(head.readUInt32LE(Meta.freeDb))
  }

  private metaAt(position: number) {
    const head = Buffer.alloc(Meta.txnId + 8)
    if (readAt(this.file, head, head.length, position) !== head.length) return null
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
        Math.max(1, Math.ceil(fstatSync(this.file.fd).size / freeDb.pad) - 1),
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

  /**
   * The number of pages that its record claims, but never more than the slab has: a damaged number would make a plan
   * without end.
   */
  get dataPages(): number {
    return Math.min(this.record.leafPages + this.record.overflowPages, this.slab.lastPage)
  }

  /** Rows, counting each duplicate. */
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
   * A cursor for callers that do not keep rows. It reads leaf pages into one buffer, so the buffers of a row are valid
   * only until the next `seek()` or `next()`. The kernel then need not clear new memory for each read, which takes
   * longer than the copy.
   */
  scanner(): RowCursor {
    return new RowCursor(this.slab, this.record, Buffer.allocUnsafeSlow(WINDOW_BYTES))
  }

  /** Copies of the rows with `gte <= key < lt`: for small databases and tests. */
  *rows(
    gte: Uint8Array | null = null,
    lt: Uint8Array | null = null,
  ): Generator<{ key: Uint8Array; value: Uint8Array }> {
    const cursor = this.cursor()
    for (let more = cursor.seek(gte, lt); more; more = cursor.next()) {
      const key = cursor.key()
      if (lt !== null && Buffer.compare(key, lt) >= 0) return
      yield { key, value: cursor.value() }
    }
  }

  /** The value of a key (the first one if it has several), or undefined. */
  get(key: Uint8Array): Uint8Array | undefined {
    const cursor = this.cursor()
    return cursor.seek(key, key) && Buffer.compare(cursor.key(), key) === 0 ? cursor.value() : undefined
  }

  /** Whether there is a row with exactly this key and value. */
  has(key: Uint8Array, value: Uint8Array): boolean {
    return this.cursor().seekRow(key, value)
  }

  /** The last row, or undefined. */
  last(): { key: Uint8Array; value: Uint8Array } | undefined {
    const cursor = this.cursor()
    return cursor.seekLast() ? { key: cursor.key(), value: cursor.value() } : undefined
  }

  /**
   * Keys that cut the tree into parts of similar size: separators of its branch pages, from as few levels as give
   * `atLeast` of them (all, if the tree has fewer). About the same number of pages lies between any two neighbors, so
   * this needs no assumption about how the keys are spread.
   *
   * @param parts returns only those that cut the tree into so many parts: all of them may be millions
   * @param mostBytes returns only so many of the first bytes of each
   */
  separatorList(atLeast: number, parts?: number, mostBytes = Number.POSITIVE_INFINITY): ByteList {
    let level = this.record.root === NO_PAGE ? [] : [this.record.root]
    let keys = new ByteListBuilder()
    // A large tree has thousands of branch pages, each read for a moment.
    const buf = Buffer.allocUnsafeSlow(this.slab.pageSize)
    for (let depth = 1; depth < this.record.depth; depth++) {
      const total = level.reduce((sum, pgno) => sum + this.branch(pgno, buf).count, -1)
      const isLast = depth + 1 === this.record.depth || total >= atLeast
      const cutAfter = cutsOf(total, isLast ? parts : undefined)
      const below: number[] = []
      const found = new ByteListBuilder()
      let cut = cutAfter(-1)
      // The first child of a page has no key: the one that separates the page from the one before is in the level above.
      let first = -1
      for (const [index, pgno] of level.entries()) {
        const page = this.branch(pgno, buf)
        const { count } = page
        for (; cut < first + count; cut = cutAfter(cut)) {
          if (cut === first) found.add(keys.bytes, startOf(keys, index - 1), keys.ends[index - 1])
          else page.addKey(cut - first, found, mostBytes)
        }
        for (let i = 0; i < count && !isLast; i++) below.push(page.child(i))
        first += count
      }
      keys = found
      if (isLast) break
      level = below
    }
    return keys.pack()
  }

  /** The same as objects, for a few. */
  separators(atLeast: number): Uint8Array[] {
    const list = this.separatorList(atLeast)
    return Array.from(list.ends, (_, index) => itemOf(list, index).slice())
  }

  private branch(pgno: number, buf: Uint8Array): Page {
    const page = new Page(this.slab, this.slab.readPages(pgno, 1, buf), 0)
    if (!page.isBranch) throw this.slab.corrupt(`page ${pgno} is not a branch page`)
    return page
  }
}

function dataFile(path: string): string {
  return atPath(path).kind === 'directory' ? join(path, 'data.mdb') : path
}

/**
 * Which of `total` items begin one of `parts` parts of similar size, the first part aside; all of them if undefined.
 *
 * @returns the next one behind an item (-1: the first); infinity after the last
 */
function cutsOf(total: number, parts: number | undefined): (item: number) => number {
  if (parts === undefined) return (item) => item + 1
  return (item) => {
    const part = Math.max(1, Math.ceil(((item + 1) * parts) / total))
    return part < parts ? Math.floor((part * total) / parts) : Number.POSITIVE_INFINITY
  }
}
