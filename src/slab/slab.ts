import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Database, RootDatabase } from 'lmdb'
import { hexBytes } from '../bytes/hex.js'
import { assert, MigrationError } from '../errors.js'
import { fileId } from '../file/file-id.js'
import { SlabFileBuilder } from '../page/slab-file-builder.js'
import { loadLmdb } from './binding.js'
import { ensureOptsYaml } from './opts-yaml.js'
import { uncut } from './write-gate.js'
import { syncPath } from './write-whole.js'

/** The limit of LMDB 0.9 as Synapse builds it. lmdb-js alone would accept longer keys, which Synapse could not read. */
const MAX_KEY_BYTES = 511
const MAX_DBS = 128
/** The size that LMDB gives the lock file for its default of 126 readers. */
const LOCK_BYTES = 8192
const MIN_MAP_BYTES = 2 ** 30

/** One row; the bytes are the caller's own. */
export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** A db of a slab as cell steps see it: in a file (`Db`), or in memory. */
export interface RowStore {
  get(key: Uint8Array): Uint8Array | undefined
  /** All rows in key order. */
  rows(): Iterable<Row>
  put(key: Uint8Array, value: Uint8Array): void
  /** Returns whether the key was there. */
  delete(key: Uint8Array): boolean
  clear(): void
}

/** A slab as cell steps see it: in a file (`Slab`), or in memory. */
export interface SlabStore {
  db(name: string): RowStore
  write<T>(action: () => T): T
  close(): Promise<void>
}

export interface SlabOptions {
  /**
   * How large the slab may grow: address space, not disk. Default: twice its file, and at least 1 GiB, as in Synapse.
   */
  readonly mapBytes?: number
}

/** `dev:ino` of every data file that this thread has opened. LMDB keeps them mapped until the process ends. */
const opened = new Set<string>()

/**
 * A small slab that we read and write through LMDB: the hive, queues, the migration log. One thread owns it, and a
 * process opens it only once.
 */
export class Slab implements SlabStore {
  readonly path: string
  private readonly root: RootDatabase<Buffer, Buffer>
  private readonly dbs = new Map<string, Db>()
  private writing = false

  /**
   * Opens a slab directory (`…/cell.lmdb`) for reading and writing. Creates it, with its options file, if it is
   * missing.
   *
   * @throws {MigrationError} ERR_LMDB_BINDING; ERR_INTERNAL when this process has opened the slab before; ERR_DEST when
   *   LMDB cannot open it
   */
  static async open(path: string, options: SlabOptions = {}): Promise<Slab> {
    const lmdb = await loadLmdb()
    const dataPath = join(path, 'data.mdb')
    create(path, dataPath)
    allocateLockFile(path)
    refuseSecondOpen(path, dataPath)
    const fileBytes = existsSync(dataPath) ? statSync(dataPath).size : 0
    const mapSize = options.mapBytes ?? Math.max(MIN_MAP_BYTES, 2 * fileBytes)
    try {
      const root = uncut(() =>
        lmdb.open<Buffer, Buffer>({
          path,
          noSubdir: false,
          maxDbs: MAX_DBS,
          mapSize,
          encoding: 'binary',
          keyEncoding: 'binary',
        }),
      )
      opened.add(nameOf(dataPath))
      ensureOptsYaml(path)
      return new Slab(path, root)
    } catch (cause) {
      throw new MigrationError('ERR_DEST', `Cannot open slab "${path}": ${(cause as Error).message}`, {
        cause,
        hint: 'check the disk of the destination, its free space and its permissions',
      })
    }
  }

  private constructor(path: string, root: RootDatabase<Buffer, Buffer>) {
    this.path = path
    this.root = root
  }

  /** Opens a named db, and creates it if it is missing. */
  db(name: string, options: { dupSort?: boolean } = {}): Db {
    const dupSort = options.dupSort ?? false
    const known = this.dbs.get(name)
    if (known !== undefined) {
      assert(known.dupSort === dupSort, () => `db "${name}" was opened with dupSort ${known.dupSort}`)
      return known
    }
    const store = this.openDb(name, dupSort)
    const db = new Db(name, dupSort, store, () => this.writing)
    this.dbs.set(name, db)
    return db
  }

  /** LMDB creates a db in a transaction of its own. */
  private openDb(name: string, dupSort: boolean): Database<Buffer, Buffer> {
    try {
      return uncut(() => this.root.openDB<Buffer, Buffer>({ name, dupSort, encoding: 'binary', keyEncoding: 'binary' }))
    } catch (cause) {
      const message = `Cannot open db "${name}" of slab "${this.path}": ${(cause as Error).message}`
      throw new MigrationError('ERR_DEST', message, {
        cause,
        hint: 'check the disk of the destination, its free space and its permissions',
      })
    }
  }

  /** The names of the slab's dbs, sorted. */
  dbNames(): string[] {
    const names: string[] = []
    for (const { key } of rowsOf(this.root)) names.push(Buffer.from(key).toString('utf8'))
    return names
  }

  /**
   * Runs `action` in one write transaction, which is committed and synced when this returns. If `action` throws,
   * nothing is written.
   *
   * @throws {MigrationError} ERR_DEST when LMDB cannot commit, for example because the map or the disk is full
   */
  write<T>(action: () => T): T {
    assert(!this.writing, () => `write() inside of write() on "${this.path}"`)
    this.writing = true
    let failed: { error: unknown } | undefined
    const transaction = () =>
      this.root.transactionSync(() => {
        try {
          return action()
        } catch (error) {
          failed = { error }
          throw error
        }
      })
    try {
      return uncut(transaction)
    } catch (cause) {
      if (failed !== undefined && !isOfLmdb(failed.error)) throw failed.error
      const reason = (cause as Error).message
      throw new MigrationError('ERR_DEST', `Cannot write to slab "${this.path}": ${reason}`, {
        cause,
        hint: 'check the free space of the destination; nothing of this transaction was written',
      })
    } finally {
      this.writing = false
    }
  }

  close(): Promise<void> {
    return this.root.close()
  }
}

/** A named db of a slab. */
export class Db implements RowStore {
  readonly name: string
  readonly dupSort: boolean
  private readonly store: Database<Buffer, Buffer>
  private readonly writing: () => boolean

  constructor(name: string, dupSort: boolean, store: Database<Buffer, Buffer>, writing: () => boolean) {
    this.name = name
    this.dupSort = dupSort
    this.store = store
    this.writing = writing
  }

  /** The value of a key (the first one in a dupSort db), or undefined. */
  get(key: Uint8Array): Uint8Array | undefined {
    const value = this.store.get(asBuffer(key))
    return value === undefined ? undefined : new Uint8Array(value)
  }

  /** The rows in key order, all or those from `start` on. */
  rows(start?: Uint8Array): Generator<Row> {
    return rowsOf(this.store, start)
  }

  /** The keys of a db without duplicates in order, from `start` on. */
  *keys(start: Uint8Array): Generator<Uint8Array> {
    for (const key of this.store.getKeys({ start: asBuffer(start) })) yield new Uint8Array(key)
  }

  /** The last row in key order, or undefined. */
  last(): Row | undefined {
    for (const { key, value } of this.store.getRange({ reverse: true, limit: 1 })) {
      return { key: new Uint8Array(key), value: new Uint8Array(value) }
    }
    return undefined
  }

  /** How many rows there are. */
  get entries(): number {
    return (this.store.getStats() as { entryCount: number }).entryCount
  }

  /** Stores a row; a dupSort db also keeps the values that the key already has. Only inside `Slab.write()`. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.checkWrite(key, value)
    const stored = this.store.putSync(asBuffer(key), asBuffer(value)) as unknown
    if (stored !== true) throw new MigrationError('ERR_DEST', `Cannot store ${hexBytes(key)} in db "${this.name}"`)
  }

  /** Removes a key with all its values, or one value in a dupSort db. Returns whether it was there. */
  delete(key: Uint8Array, value?: Uint8Array): boolean {
    assert(this.writing(), () => `delete from "${this.name}" outside of a transaction`)
    return value === undefined
      ? this.store.removeSync(asBuffer(key))
      : this.store.removeSync(asBuffer(key), asBuffer(value))
  }

  /** Removes all rows. */
  clear(): void {
    assert(this.writing(), () => `clear of "${this.name}" outside of a transaction`)
    this.store.clearSync()
  }

  private checkWrite(key: Uint8Array, value: Uint8Array): void {
    assert(this.writing(), () => `put to "${this.name}" outside of a transaction`)
    const keyFits = key.length >= 1 && key.length <= MAX_KEY_BYTES
    if (keyFits && !(this.dupSort && value.length > MAX_KEY_BYTES)) return
    const what = keyFits ? `value of ${value.length} bytes` : `key of ${key.length} bytes`
    throw new MigrationError(
      'ERR_DEST',
      `Cannot store ${hexBytes(key)} in db "${this.name}": ${what}, LMDB takes 1 to 511`,
    )
  }
}

/** LMDB's errors have a numeric code. A full map may show at the put or only at the commit. */
function isOfLmdb(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'number'
}

/** LMDB, when interrupted, can leave a file that is not a slab yet. So we create an empty slab as a whole. */
function create(path: string, dataPath: string): void {
  if (existsSync(dataPath)) return
  const part = `${path}.part`
  try {
    rmSync(part, { recursive: true, force: true })
    rmSync(path, { recursive: true, force: true })
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    SlabFileBuilder.create(part).finish()
    renameSync(part, path)
    syncPath(dirname(path))
  } catch (cause) {
    throw cannotMake(path, cause)
  }
}

/**
 * LMDB makes its lock file sparse and writes to it through a map. On a full disk that would kill the process with
 * SIGBUS, so we allocate its blocks before LMDB opens it.
 */
function allocateLockFile(path: string): void {
  const lockPath = join(path, 'lock.mdb')
  const stats = statSync(lockPath, { throwIfNoEntry: false })
  if (stats !== undefined && stats.blocks * 512 >= LOCK_BYTES) return
  try {
    writeFileSync(lockPath, new Uint8Array(LOCK_BYTES), { flag: stats === undefined ? 'wx' : 'r+', mode: 0o600 })
  } catch (cause) {
    throw cannotMake(path, cause)
  }
}

function cannotMake(path: string, cause: unknown): MigrationError {
  return new MigrationError('ERR_DEST', `Cannot make slab "${path}": ${(cause as Error).message}`, {
    cause,
    hint: 'check the disk of the destination, its free space and its permissions',
  })
}

function* rowsOf(store: Database<Buffer, Buffer>, start: Uint8Array = Buffer.of(0)): Generator<Row> {
  // Without a start, lmdb-js begins at byte 5 and skips the range that it reserves for its own metadata.
  for (const { key, value } of store.getRange({ start: asBuffer(start) })) {
    yield { key: new Uint8Array(key), value: new Uint8Array(value) }
  }
}

/**
 * LMDB forbids two environments on one file in a process. Other threads count too, so we ask the kernel what is mapped.
 */
function refuseSecondOpen(path: string, dataPath: string): void {
  if (!existsSync(dataPath)) return
  const mapped = opened.has(nameOf(dataPath)) || isMapped(dataPath)
  assert(!mapped, () => `slab "${path}" is opened twice in one process`)
}

function isMapped(dataPath: string): boolean {
  if (process.platform !== 'linux') return false
  const { inode } = fileId(dataPath)
  const name = basename(dataPath)
  const maps = readFileSync('/proc/self/maps', 'utf8')
  return maps.split('\n').some((line) => line.endsWith(name) && line.split(/\s+/)[4] === inode)
}

function nameOf(dataPath: string): string {
  const { dev, inode } = fileId(dataPath)
  return `${dev}:${inode}`
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
