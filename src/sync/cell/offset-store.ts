import { decode, encode, PackMap, type Value } from '../../bytes/msgpack.js'
import type { Db, Slab } from '../../slab/slab.js'
import type { Anchor, OffsetStore, SyncError } from '../api.js'
import type { Hive } from './hive.js'

/**
 * We collect writes for this long and commit them together: an fsync stops the whole process, and 20 of them a second
 * took 2 of 12 seconds. Offsets that a crash loses are pushed again, which changes nothing.
 */
const COMMIT_MS = 500

const LAYERS = 'sync:layer'
const MIGRATION_MODE = 'sync:migrmode'
/** The reference service does not have this: after a restart it forgets that it was syncing. */
const SYNCING = 'sync:syncing'
const HALTED = 'sync:halted'

type Write = () => void

/**
 * Offsets and error records in `slabs/migrsync.lmdb`, in the reference service's layout:
 *
 *     pull_offs, push_offs   16 bytes layer iden -> 8 bytes big-endian offset
 *     settled_offs           the same; not known to the reference service
 *     nodes_checked          16 bytes layer iden -> 8 bytes big-endian epoch ms; neither
 *     anchors                16 bytes layer iden -> msgpack [[offset, digest, index, row], ...]; neither
 *     errors                 16 bytes layer iden + 8 bytes big-endian offset -> msgpack record
 *     count:errors           32 hex digits of the iden -> 8 bytes big-endian count
 *
 * and in the hive the layers with their start offsets, and the override of the migration mode.
 */
export class LmdbOffsetStore implements OffsetStore {
  private readonly pull: OffsetDb
  private readonly push: OffsetDb
  private readonly settled: OffsetDb
  private readonly counts: OffsetDb
  private readonly checked: OffsetDb
  private readonly errorsDb: Db
  private readonly anchorsDb: Db
  private readonly anchorsNow = new Map<string, readonly Anchor[]>()
  /** Keys of the records by layer, to count and find records without reading them. */
  private readonly errorKeys = new Map<string, Set<string>>()
  private readonly unwritten = new Map<string, Uint8Array>()
  private pending: Write[] = []
  private commit: Promise<void> | null = null
  private commitNow = () => {}
  private broken: { readonly error: unknown } | null = null

  /** Calls `onBroken` once when a commit fails. Every later write fails too, so that none overtakes a lost one. */
  constructor(
    private readonly slab: Slab,
    private readonly hive: Hive,
    private readonly onBroken: (error: unknown) => void,
  ) {
    this.pull = new OffsetDb(slab.db('pull_offs'), keyOf)
    this.push = new OffsetDb(slab.db('push_offs'), keyOf)
    this.settled = new OffsetDb(slab.db('settled_offs'), keyOf)
    this.checked = new OffsetDb(slab.db('nodes_checked'), keyOf)
    this.counts = new OffsetDb(slab.db('count:errors'), (iden) => Buffer.from(iden))
    this.errorsDb = slab.db('errors')
    this.anchorsDb = slab.db('anchors')
    for (const { key } of this.errorsDb.rows()) this.keysOf(Buffer.from(key).toString('hex', 0, 16)).add(hexOf(key))
  }

  layers(): [iden: string, startOffset: number][] {
    return this.hive.names([LAYERS]).map((iden) => [iden, Number(this.hive.get([LAYERS, iden]) ?? 0)])
  }

  async startLayers(starts: readonly (readonly [iden: string, offset: number])[], resetErrors: boolean): Promise<void> {
    const writes = starts.flatMap(([iden, offset]) => [
      this.pull.set(iden, offset),
      this.push.set(iden, offset),
      this.settled.set(iden, offset),
      ...(resetErrors ? [...this.resetErrors(iden), this.putAnchors(iden, []), this.checked.remove(iden)] : []),
    ])
    const done = this.queue(...writes)
    this.commitNow()
    await done
    // Do this last: a layer without offsets would start at 0, while one with offsets that is not listed does nothing.
    this.hive.set(
      starts.flatMap(([iden, offset]) => [
        [[LAYERS, iden], offset],
        ...(this.halted(iden) ? [[[HALTED, iden], false] as const] : []),
      ]),
    )
  }

  pullOffset(iden: string): number {
    return this.pull.get(iden)
  }

  pushOffset(iden: string): number {
    return this.push.get(iden)
  }

  setPullOffset(iden: string, offset: number): Promise<void> {
    return this.queue(this.pull.set(iden, offset))
  }

  settledOffset(iden: string): number {
    const pushOffset = this.push.get(iden)
    // The reference's push offset is one past the splice that ended its last group, and it had not pushed that splice
    // yet.
    return Math.min(pushOffset, this.settled.find(iden) ?? Math.max(0, pushOffset - 1))
  }

  advance(
    iden: string,
    pushOffset: number,
    errors: readonly SyncError[] = [],
    settledOffset = pushOffset,
  ): Promise<void> {
    const records = errors.map((error) => this.putError(error))
    const count = errors.length > 0 ? [this.counts.set(iden, this.keysOf(iden).size)] : []
    return this.queue(...records, ...count, this.push.set(iden, pushOffset), this.settled.set(iden, settledOffset))
  }

  anchors(iden: string): readonly Anchor[] {
    const now = this.anchorsNow.get(iden)
    if (now !== undefined) return now
    const stored = this.anchorsDb.get(keyOf(iden))
    return stored === undefined ? [] : decodeAnchors(stored)
  }

  setAnchors(iden: string, anchors: readonly Anchor[]): Promise<void> {
    return this.queue(this.putAnchors(iden, anchors))
  }

  nodesChecked(iden: string): number | null {
    return this.checked.find(iden) ?? null
  }

  setNodesChecked(iden: string, time: number): Promise<void> {
    return this.queue(this.checked.set(iden, Math.max(0, Math.floor(time))))
  }

  *errors(iden?: string, from = 0): Iterable<SyncError> {
    const keys = iden === undefined ? [...this.errorKeys.values()].flatMap((set) => [...set]) : [...this.keysOf(iden)]
    for (const key of keys.sort()) {
      const error = this.readError(key)
      if (error && error.offset >= from) yield error
    }
  }

  error(iden: string, offset: number): SyncError | undefined {
    const key = errorKey(iden, offset)
    return this.keysOf(iden).has(key) ? this.readError(key) : undefined
  }

  /** The reference counts a record again when it overwrites it, so its count may be too high. */
  errorCount(iden: string): number {
    return Math.max(this.counts.get(iden), this.keysOf(iden).size)
  }

  async removeError(iden: string, offset: number): Promise<void> {
    const key = errorKey(iden, offset)
    if (!this.keysOf(iden).has(key)) return
    const write = this.dropError(iden, key)
    await this.queue(write, this.counts.set(iden, this.keysOf(iden).size))
  }

  halted(iden: string): boolean {
    return this.hive.get([HALTED, iden]) === true
  }

  async setHalted(iden: string): Promise<void> {
    this.hive.set([[[HALTED, iden], true]])
  }

  migrationModeOverride(): boolean | null {
    const value = this.hive.get([MIGRATION_MODE])
    return typeof value === 'boolean' ? value : null
  }

  async setMigrationModeOverride(value: boolean | null): Promise<void> {
    this.hive.set([[[MIGRATION_MODE], value]])
  }

  syncing(): boolean {
    return this.hive.get([SYNCING]) === true
  }

  async setSyncing(value: boolean): Promise<void> {
    if (value !== this.syncing()) this.hive.set([[[SYNCING], value]])
  }

  /** Commits everything that waits, now. */
  async flush(): Promise<void> {
    const commit = this.commit
    this.commitNow()
    await commit
  }

  private queue(...writes: Write[]): Promise<void> {
    if (this.broken) return Promise.reject(this.broken.error)
    this.pending.push(...writes)
    if (this.commit) return this.commit
    const commit = new Promise<void>((resolve, reject) => {
      this.commitNow = () => {
        clearTimeout(timer)
        this.commitNow = () => {}
        this.commit = null
        try {
          this.write()
          resolve()
        } catch (error) {
          reject(error)
        }
      }
      const timer = setTimeout(() => this.commitNow(), COMMIT_MS)
    })
    // Few callers wait for a commit, so report its failure once, to the one that can end the service.
    commit.catch((error) => {
      this.broken = { error }
      this.onBroken(error)
    })
    this.commit = commit
    return commit
  }

  private write(): void {
    const writes = this.pending
    this.pending = []
    this.slab.write(() => {
      for (const write of writes) write()
    })
  }

  private keysOf(iden: string): Set<string> {
    let keys = this.errorKeys.get(iden)
    if (!keys) {
      keys = new Set()
      this.errorKeys.set(iden, keys)
    }
    return keys
  }

  private resetErrors(iden: string): Write[] {
    const removals = [...this.keysOf(iden)].map((key) => this.dropError(iden, key))
    return [...removals, this.counts.set(iden, 0)]
  }

  private putAnchors(iden: string, anchors: readonly Anchor[]): Write {
    this.anchorsNow.set(iden, anchors)
    const bytes = encode(anchors.map(({ offset, digest, index, row }) => [offset, digest, index, row]))
    return () => this.anchorsDb.put(keyOf(iden), bytes)
  }

  private putError(error: SyncError): Write {
    const key = errorKey(error.layer, error.offset)
    const value = encodeError(error)
    this.keysOf(error.layer).add(key)
    this.unwritten.set(key, value)
    return () => {
      this.errorsDb.put(Buffer.from(key, 'hex'), value)
      if (this.unwritten.get(key) === value) this.unwritten.delete(key)
    }
  }

  private dropError(iden: string, key: string): Write {
    this.keysOf(iden).delete(key)
    this.unwritten.delete(key)
    return () => {
      this.errorsDb.delete(Buffer.from(key, 'hex'))
    }
  }

  private readError(key: string): SyncError | undefined {
    const bytes = this.unwritten.get(key) ?? this.errorsDb.get(Buffer.from(key, 'hex'))
    const offset = Number(BigInt(`0x${key.slice(32)}`))
    return bytes === undefined ? undefined : decodeError(key.slice(0, 32), offset, bytes)
  }
}

/** A number for each layer: the newest in memory, and later in the db. */
class OffsetDb {
  private readonly now = new Map<string, number | undefined>()

  constructor(
    private readonly db: Db,
    private readonly keyOf: (iden: string) => Uint8Array,
  ) {}

  get(iden: string): number {
    return this.find(iden) ?? 0
  }

  find(iden: string): number | undefined {
    if (this.now.has(iden)) return this.now.get(iden)
    const stored = this.db.get(this.keyOf(iden))
    return stored === undefined ? undefined : Number(Buffer.from(stored).readBigUInt64BE())
  }

  /** Readers see the number from now on. The returned write stores it. */
  set(iden: string, value: number): Write {
    this.now.set(iden, value)
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(BigInt(value))
    return () => this.db.put(this.keyOf(iden), bytes)
  }

  remove(iden: string): Write {
    this.now.set(iden, undefined)
    return () => {
      this.db.delete(this.keyOf(iden))
    }
  }
}

function keyOf(iden: string): Uint8Array {
  return Buffer.from(iden, 'hex')
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function errorKey(iden: string, offset: number): string {
  return iden + BigInt(offset).toString(16).padStart(16, '0')
}

/** The reference's record, `{mesg, splices, nodeedits, meta}`, plus the offsets that it lacks. */
function encodeError(error: SyncError): Uint8Array {
  const value = (raw: Uint8Array | null) => (raw === null ? null : decode(raw))
  return encode(
    new PackMap([
      ['mesg', error.message],
      ['splices', error.splices.map((raw) => decode(raw))],
      ['nodeedits', value(error.nodeedits)],
      ['meta', value(error.meta)],
      ['offs', [error.offset, error.endOffset]],
    ]),
  )
}

/** Also reads the reference's records: `mesg` may be a map there, and a single splice may be under `splice`. */
function decodeError(layer: string, offset: number, bytes: Uint8Array): SyncError {
  const found = decode(bytes)
  const record = found instanceof PackMap ? found : new PackMap([])
  const one = record.get('splice')
  const many = record.get('splices')
  const splices = (Array.isArray(many) ? many : one === undefined ? [] : [one]).map((each) => encode(each))
  const offs = record.get('offs')
  const raw = (value: Value | undefined) => (value === undefined || value === null ? null : encode(value))
  return {
    layer,
    offset,
    endOffset: Array.isArray(offs) ? Number(offs[1]) : offset,
    message: messageOf(record.get('mesg')),
    splices,
    nodeedits: raw(record.get('nodeedits')),
    meta: raw(record.get('meta')),
  }
}

function decodeAnchors(bytes: Uint8Array): Anchor[] {
  const rows = decode(bytes)
  // Earlier versions did not store the row.
  return (Array.isArray(rows) ? (rows as [number, string | null, number | null, (string | null)?][]) : []).map(
    ([offset, digest, index, row = null]) => ({ offset, digest, index, row }),
  )
}

function messageOf(mesg: Value | undefined): string {
  if (typeof mesg === 'string') return mesg
  if (!(mesg instanceof PackMap)) return 'no reason was recorded'
  return [mesg.get('err'), mesg.get('errmsg')].filter((each) => typeof each === 'string').join(': ')
}
