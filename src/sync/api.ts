/**
 * What the halves of the sync service owe each other: `remote.ts` talks to the two Cortexes, `cell/` keeps state and
 * users, `pipeline*` moves splices, and `cell/`, `http/` and `src/cli` show and steer it. Types only.
 */
import type { Value } from '../bytes/msgpack.js'

/** One splice or list of node edits as msgpack, byte for byte as it was received or is to be sent. */
export type Raw = Uint8Array

/** Raw msgpack of one splice `[type, info]` as a 0.1.x layer sends it; nobody writes into it. */
export type RawSplice = Raw

/**
 * One open layer of a Cortex.
 *
 * Every method fails with `LinkDown` (src/telepath) when the connection is lost, never ends as if complete: after one the
 * outcome of a push is unknown. What the Cortex itself answers with is a `TelepathError` (`name` is Python's class name,
 * `info` its fields). Nothing else is thrown but for bugs.
 */
export interface RemoteLayer {
  readonly iden: string
  /** Splices from `offs` on (0.1.x only): item i has offset `offs + i`; `size` -1 reads to the end of the log. */
  splices(offs: number | bigint, size: number): AsyncIterable<RawSplice>
  /** Idens of the nodes of this layer that were made after a time and up to another, epoch ms by its clock (0.1.x only). */
  createdSince(after: number, upTo?: number): AsyncIterable<string>
  /** Applies node edits in order, resolved when the Cortex has them. @param nodeedits raw array @param meta raw map */
  storNodeEditsNoLift(nodeedits: Raw, meta: Raw): Promise<void>
  /** Index behind the last row of the layer's node edit log (2.x only); null when the release does not tell. */
  editIndex(): Promise<number | null>
  /** Tells the last row in front of an index of that log from any other; null when there is none, or the release does not tell. @param index up to `editIndex()` */
  editDigest(index: number): Promise<string | null>
  close(): Promise<void>
  /** Settles when the connection ends: undefined after `close()`, else why. Never rejects. */
  readonly closed: Promise<Error | undefined>
}

/** An open Cortex; `LinkDown` and `TelepathError` as for a layer. */
export interface RemoteCortex {
  /** `syn:version` of its handshake. */
  readonly version: readonly [number, number, number]
  /** Its url without the password, for messages. */
  readonly shownUrl: string
  getModelDict(): Promise<Value>
  enableMigrationMode(): Promise<void>
  disableMigrationMode(): Promise<void>
  /** Opens a layer over a connection of its own. */
  openLayer(iden: string): Promise<RemoteLayer>
  /** Any other method that returns one value; an unknown one fails with TelepathError `NoSuchMeth`. */
  call(method: string, ...args: Value[]): Promise<Value>
  /** Any other method that yields values. */
  generate(method: string, ...args: Value[]): AsyncIterable<Value>
  close(): Promise<void>
  readonly closed: Promise<Error | undefined>
}

/** Opens a Cortex: `src/sync/remote.ts` in the service, a fake in tests. */
export type OpenCortex = (url: string) => Promise<RemoteCortex>

/** The keys of `cell.yaml`, `SYN_SYNCMIGRATOR_*` and the command line, checked (src/sync/cell/config.ts). */
export interface SyncConfig {
  readonly src: string | undefined
  readonly dest: string | undefined
  readonly offsfile: string | undefined
  /** Seconds between polls of the source when caught up, > 0. */
  readonly pollS: number
  /** Failed groups after which a layer's push stops; -1: never. */
  readonly errLim: number
  /** Layers of the source that are left out on purpose. */
  readonly skipLayers: readonly string[]
  /** Most splices of one layer in memory, >= 1. */
  readonly queueSize: number
  /** Most bytes of splices of all layers in memory, > 0. */
  readonly queueBytes: number
  /** A progress line every so many offsets; 0: none. */
  readonly offsLogging: number
  /** What to do with model extensions that only the source has: add them to the destination, or only name them. */
  readonly modelSync: 'add' | 'off'
  /** Go on with a destination that has no migration mode (newer than 2.x offers it). */
  readonly noMigrationMode: boolean
}

/** A splice, or several of one push, that could not be applied; kept until it is retried or the layer starts over. */
export interface SyncError {
  readonly layer: string
  /** Offset of the first splice; with `layer` the record's key. */
  readonly offset: number
  /** Offset behind the last splice. */
  readonly endOffset: number
  readonly message: string
  readonly splices: readonly RawSplice[]
  /** What was pushed, when it came to that. */
  readonly nodeedits: Raw | null
  readonly meta: Raw | null
}

/** A point of a layer up to which source and destination were known to be equal. */
export interface Anchor {
  readonly offset: number
  /** Of the splice in front of the offset; null when it is not known, or there is none. */
  readonly digest: string | null
  /** Where the destination's log of node edits ended; null when it does not tell. */
  readonly index: number | null
  /** Tells the last row of that log from any other, as that version of the destination shows it; null when it is not known. */
  readonly row: string | null
}

/**
 * The service's durable state (`slabs/migrsync.lmdb` and the hive of `slabs/cell.lmdb`). Reads are synchronous and see
 * every write at once. A write is one transaction, durable when its promise resolves, and later ones never become durable
 * before earlier ones: a push offset need not be awaited before the next push, as a replay is harmless.
 */
export interface OffsetStore {
  /** Every layer ever started with the offset given then, in the order of the hive. */
  layers(): [iden: string, startOffset: number][]
  /** Notes start offsets as layer, pull and push offset of each; `resetErrors` drops what else is known of them. */
  startLayers(starts: readonly (readonly [iden: string, offset: number])[], resetErrors: boolean): Promise<void>
  /** Offset of the next splice to read; 0 when unknown. */
  pullOffset(iden: string): number
  /** Offset behind the last splice that the destination has acknowledged (or that has an error record); 0 when unknown. */
  pushOffset(iden: string): number
  setPullOffset(iden: string, offset: number): Promise<void>
  /**
   * Moves the push offset and adds the records of what was skipped on the way, atomically. What the destination has
   * acknowledged up to `settledOffset` is surely on its disk.
   */
  advance(iden: string, pushOffset: number, errors: readonly SyncError[], settledOffset: number): Promise<void>
  /** Where to go on from, as a destination that was killed has lost the last it had acknowledged; never above the push offset. */
  settledOffset(iden: string): number
  /** What a later start compares source and destination with, oldest first; the last one is at the settled offset. */
  anchors(iden: string): readonly Anchor[]
  setAnchors(iden: string, anchors: readonly Anchor[]): Promise<void>
  /** Up to when every node that the source has made is known to be at the destination, epoch ms; null when never looked. */
  nodesChecked(iden: string): number | null
  setNodesChecked(iden: string, time: number): Promise<void>
  /** Error records of one layer or of all, by layer and offset, from `from` on. */
  errors(iden?: string, from?: number): Iterable<SyncError>
  error(iden: string, offset: number): SyncError | undefined
  errorCount(iden: string): number
  /** Forgets a record after its splices were applied. */
  removeError(iden: string, offset: number): Promise<void>
  /** Whether the limit of errors has ended the layer, so that it is started again only when asked to; ended by `startLayers`. */
  halted(iden: string): boolean
  setHalted(iden: string): Promise<void>
  /** The operator's override: true and false are kept, null is automatic. */
  migrationModeOverride(): boolean | null
  setMigrationModeOverride(value: boolean | null): Promise<void>
  /** Whether a sync was started and not stopped, so that a restarted service goes on by itself. */
  syncing(): boolean
  setSyncing(value: boolean): Promise<void>
}

/** A task of a layer as the status shows it. */
export type TaskState =
  | { readonly status: 'none' }
  | { readonly status: 'active' }
  | { readonly status: 'cancelled' }
  | { readonly status: 'finished' }
  /** `message` is one clear sentence without passwords. */
  | { readonly status: 'exception'; readonly message: string }

export type PullStatus = 'reading_catchup' | 'reading_at_live' | 'up_to_date' | 'connect_err' | 'auth_err' | 'stopped'

/** One layer now. Offsets count splices from 0; a missing one is null. */
export interface LayerState {
  readonly iden: string
  readonly pullStatus: PullStatus | null
  readonly pullOffset: number
  readonly pushOffset: number
  /** Whether the destination takes what is pushed, as far as the last try has told. */
  readonly destUp: boolean
  /** Splices behind `pushOffset` that were sent and are not acknowledged. */
  readonly inFlight: number
  /** Index behind the source's last splice, as far as known. */
  readonly sourceTip: number | null
  readonly queue: { readonly finished: boolean; readonly length: number } | null
  readonly pullTask: TaskState
  readonly pushTask: TaskState
  /** When the source was last read from, and the destination last connected; epoch ms. */
  readonly pullStartedAt: number | null
  readonly pushConnectedAt: number | null
  readonly errorCount: number
  readonly lagSplices: number | null
  /** Age of the oldest splice that is not acknowledged. */
  readonly lagSeconds: number | null
  /** Acknowledged splices per second over the last minute. */
  readonly rate: number
  readonly pushedTotal: number
  /** When the source was last read to its end, epoch ms: what came later is not known. */
  readonly polledAt: number | null
  /** What an operator should know about this layer, a sentence each. */
  readonly notes: readonly string[]
  /** Those of them that do not go away by themselves. */
  readonly lastingNotes: readonly string[]
}

/** What keeps from cutting over, a sentence, and whether waiting may cure it. */
export interface Blocker {
  readonly text: string
  readonly passes: boolean
}

/** Something that the answer whether it is safe to cut over says nothing about. */
export interface NotLookedAt {
  /** Stays the same when the sentence tells of another time or place. */
  readonly key:
    | 'splices'
    | 'splices_before'
    | 'node_data'
    | 'equality'
    | 'edit_log'
    | 'new_layers'
    | 'other_connections'
    | 'lost_splices'
  /** A sentence. */
  readonly text: string
}

/** The whole service now; `src/sync/status.ts` makes the `status` map, its texts and the metrics of it. */
export interface SyncState {
  readonly syncing: boolean
  readonly layers: readonly LayerState[]
  readonly migrationModeOverride: boolean | null
  /** Whether the destination is in migration mode, as far as known, and why it could not be switched. */
  readonly migrationMode: boolean | null
  readonly migrationModeError: string | null
  readonly sourceVersion: readonly number[] | null
  readonly destVersion: readonly number[] | null
  /** Every layer was read to the source's end, everything is acknowledged and no error is open: true of `polledAt`. */
  readonly canCutover: boolean
  readonly blockers: readonly Blocker[]
  /** Their texts. */
  readonly cutoverBlockers: readonly string[]
  /** When the layer that was polled first of all was polled last, epoch ms; null when one never was. */
  readonly polledAt: number | null
  /** What splices do not carry and was found to differ, or cannot be detected: to be redone by hand. */
  readonly notCarried: readonly string[]
  /** What `canCutover` says nothing about. */
  readonly unseen: readonly NotLookedAt[]
  /** Their texts. */
  readonly notLookedAt: readonly string[]
}

/** Drives the layers of one service: what the telepath API, the Storm commands, HTTP and the command line call. */
export interface SyncService {
  /** What is known, without asking anybody: whether it is safe to cut over is for `ask()` to say. */
  state(): SyncState
  /** Makes every layer ask its source now, and answers after that: `canCutover` then is true of this moment. */
  ask(): Promise<SyncState>
  /**
   * Starts the layers of the offsets file, validated as a whole before anything changes.
   *
   * @throws {MigrationError} naming what is wrong with the file, the source or the destination
   */
  startSyncFromFile(): Promise<[iden: string, offset: number][]>
  /** Goes on from the stored push offsets; nothing when no layer was ever started. */
  startSyncFromLast(): Promise<[iden: string, offset: number][]>
  /** Pushes or gives back what is pending, ends every layer, and returns those that had something to end. */
  stopSync(): Promise<string[]>
  /** Null when done, else the text `Enabling migration mode on dest cortex encountered an error: …`. */
  enableMigrationMode(): Promise<string | null>
  disableMigrationMode(): Promise<string | null>
  /** Back to automatic: on while syncing. */
  automaticMigrationMode(): Promise<string | null>
  /** Open error records, by layer and offset. */
  errors(iden?: string, limit?: number): SyncError[]
  /** Translates and pushes the open records again, in order; what works is forgotten. */
  retryErrors(iden?: string): Promise<{ readonly applied: number; readonly failed: number }>
  /**
   * Asks until nothing is left that goes away by itself: all layers were in sync at the same moment. Look at the blockers then.
   *
   * @throws {MigrationError} when a layer has ended instead
   */
  untilCaughtUp(): Promise<SyncState>
  /** Ends the service: pushes or gives back what is pending; keeps `syncing` so that the next process goes on. */
  close(): Promise<void>
}

/** Starts the pipeline half: exported as `createSyncService` by `src/sync/pipeline.ts`. */
export type CreateSyncService = (parts: {
  readonly config: SyncConfig
  readonly store: OffsetStore
  readonly openCortex: OpenCortex
  readonly log: SyncLog
}) => SyncService

/** Log lines; texts hold no passwords. */
export interface SyncLog {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string, cause?: unknown): void
}
