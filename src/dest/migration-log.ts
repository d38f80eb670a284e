import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { decode, encode, PackMap, pyEquals, text, utf8, type Value } from '../bytes/msgpack.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { assertSound } from '../slab/assert-sound.js'
import { type RowStore, Slab, type SlabStore } from '../slab/slab.js'
import type { PackedRecord } from '../thread/chunk-sender.js'

/** The only db of `migr.lmdb`. Keys are `migrop NUL logtyp NUL key`, values msgpack. */
export const LOG_DB = 'migr'

/** Steps whose errors have the node's buid (32 bytes) as key; all other keys are text. */
const BUID_KEYED = new Set(['nodes', 'nodedata'])

/** One record of the migration log. */
export interface LogRecord {
  /** The step: `nodes`, `triggers`, `chkvalid` … */
  readonly migrop: string
  /** `prog`, `stat`, `error`, `vers`, `chkpnt`, `nextoffs`, `conf`, `iden` */
  readonly logtyp: string
  /** A layer iden, `none`, … or the buid of a node error; also bytes when it is not valid text. */
  readonly key: string | Uint8Array
  readonly val: Value
}

/** The migration log of a destination, `<dest>/migration/migr.lmdb`, in the layout of the reference. */
export class MigrationLog {
  private readonly slab: SlabStore
  private readonly db: RowStore

  static async open(destDir: string): Promise<MigrationLog> {
    assertSound(migrationLogPath(destDir))
    const slab = await Slab.open(migrationLogPath(destDir))
    return new MigrationLog(slab)
  }

  /** @param slab `migr.lmdb` of a destination, or one in memory */
  constructor(slab: SlabStore) {
    this.slab = slab
    this.db = slab.db(LOG_DB)
  }

  /** Stores records in one commit. Replaces records with the same step, type and key. */
  put(...records: readonly LogRecord[]): void {
    if (records.length === 0) return
    this.slab.write(() => {
      for (const record of records) this.db.put(logKey(record), encode(record.val))
    })
  }

  /**
   * Stores packed error records in one commit. If several layers have errors for one buid, keeps all: the first has the
   * key, and the others are in its list `more`.
   */
  putErrors(records: readonly PackedRecord[]): void {
    if (records.length === 0) return
    this.slab.write(() => {
      for (const record of records) this.putError(record)
    })
  }

  /** Replaces a layer's errors under some keys, for all `steps`, in one commit. */
  replaceErrors(
    layer: string,
    steps: readonly string[],
    keys: readonly Uint8Array[],
    records: readonly PackedRecord[],
  ): void {
    this.slab.write(() => {
      for (const key of keys)
        for (const migrop of steps) this.dropError(logKey({ migrop, logtyp: 'error', key }), layer)
      for (const record of records) this.putError(record)
    })
  }

  /** The value of exactly this key, or undefined. */
  get(migrop: string, logtyp: string, key: string | Uint8Array): Value | undefined {
    const value = this.db.get(logKey({ migrop, logtyp, key }))
    return value === undefined ? undefined : decode(value)
  }

  private putError({ migrop, key, value }: PackedRecord): void {
    const at = logKey({ migrop, logtyp: 'error', key })
    const before = this.db.get(at)
    this.db.put(at, before === undefined ? value : withMore(before, value))
  }

  private dropError(key: Uint8Array, layer: string): void {
    const before = this.db.get(key)
    if (before === undefined) return
    const first = decode(before)
    if (!(first instanceof PackMap)) return
    const more = first.get('more')
    const all = [new PackMap(first.entries.filter(([name]) => name !== 'more')), ...(Array.isArray(more) ? more : [])]
    const kept = all.filter((value) => !(value instanceof PackMap && pyEquals(value.get('layer') ?? null, layer)))
    const [head, ...rest] = kept
    if (head === undefined) this.db.delete(key)
    else if (rest.length === 0 || !(head instanceof PackMap)) this.db.put(key, encode(head))
    else this.db.put(key, encode(new PackMap([...head.entries, ['more', rest]])))
  }

  /** All records of a step and type, in key order. Leave out the type, or both, to get more. */
  *records(migrop?: string, logtyp?: string): Generator<LogRecord> {
    yield* logRecords(this.db.rows(), migrop, logtyp)
  }

  /** Removes the records of a step and type, or only those that `which` selects. Returns how many. */
  clear(migrop: string, logtyp: string, which: (record: LogRecord) => boolean = () => true): number {
    const gone = [...this.records(migrop, logtyp)].filter(which)
    if (gone.length === 0) return 0
    return this.slab.write(() => gone.filter((record) => this.db.delete(logKey(record))).length)
  }

  close(): Promise<void> {
    return this.slab.close()
  }
}

export function migrationLogPath(destDir: string): string {
  return cortexPaths(destDir).migration.log
}

/** Whether the log of a destination has a record. */
export function hasRecord(destDir: string, migrop: string, logtyp: string, key: string): boolean {
  const path = migrationLogPath(destDir)
  if (!SlabReader.exists(path)) return false
  const slab = SlabReader.open(path)
  try {
    return slab.db(LOG_DB)?.get(logKey({ migrop, logtyp, key })) !== undefined
  } finally {
    slab.close()
  }
}

/** Reads the log, read-only; null when there is none. */
export function readMigrationLog(destDir: string): LogRecord[] | null {
  const path = migrationLogPath(destDir)
  if (!existsSync(join(path, 'data.mdb'))) return null
  const slab = SlabReader.open(path)
  try {
    return [...logRecords(slab.db(LOG_DB)?.rows() ?? [])]
  } finally {
    slab.close()
  }
}

/** The log's records about steps, without errors, which may be very many; null when there is no log. */
export function readStepRecords(destDir: string): LogRecord[] | null {
  const path = migrationLogPath(destDir)
  if (!SlabReader.exists(path)) return null
  const slab = SlabReader.open(path)
  try {
    const rows = slab.db(LOG_DB)
    return ['prog', 'stat', 'vers'].flatMap((type) => [...logRecords(rows?.rows() ?? [], undefined, type)])
  } finally {
    slab.close()
  }
}

/** The records of a step and type among the rows of db `migr`. Leave out the type, or both, to get more. */
export function* logRecords(
  rows: Iterable<{ key: Uint8Array; value: Uint8Array }>,
  migrop?: string,
  logtyp?: string,
): Generator<LogRecord> {
  for (const { key, value } of rows) {
    const first = key.indexOf(0)
    const second = key.indexOf(0, first + 1)
    if (first < 0 || second < 0) continue
    const op = Buffer.from(key.subarray(0, first)).toString('utf8')
    const type = Buffer.from(key.subarray(first + 1, second)).toString('utf8')
    if ((migrop !== undefined && op !== migrop) || (logtyp !== undefined && type !== logtyp)) continue
    yield { migrop: op, logtyp: type, key: lastKey(op, type, key.slice(second + 1)), val: decode(value) }
  }
}

function logKey(record: Pick<LogRecord, 'migrop' | 'logtyp' | 'key'>): Uint8Array {
  const { migrop, logtyp, key } = record
  const last = typeof key === 'string' ? utf8(key) : key
  return Buffer.concat([utf8(`${migrop}\0${logtyp}\0`), last])
}

/**
 * The last part of a key. A buid may be valid UTF-8 and may contain NULs, so the step decides which kind of key it is.
 */
function lastKey(migrop: string, logtyp: string, bytes: Uint8Array): string | Uint8Array {
  if (logtyp === 'error' && BUID_KEYED.has(migrop)) return bytes
  try {
    const key = text(bytes)
    return typeof key === 'string' ? key : bytes
  } catch {
    return bytes
  }
}

/**
 * Adds a record to the one that has the key. Replaces one of the same layer, because a resumed run records it again.
 */
function withMore(before: Uint8Array, after: Uint8Array): Uint8Array {
  const first = decode(before)
  const next = decode(after)
  if (!(first instanceof PackMap) || !(next instanceof PackMap)) return after
  const layer = next.get('layer') ?? null
  const isSame = (value: Value): boolean => value instanceof PackMap && pyEquals(value.get('layer') ?? null, layer)
  const more = first.get('more')
  const others = Array.isArray(more) ? more : []
  if (isSame(first)) return others.length === 0 ? after : encode(new PackMap([...next.entries, ['more', others]]))
  const list = [...others.filter((value) => !isSame(value)), next]
  return encode(new PackMap([...first.entries.filter(([key]) => key !== 'more'), ['more', list]]))
}
