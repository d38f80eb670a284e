/**
 * The interfaces between the parts of the sync service: `remote.ts` talks to the two Cortexes, `cell/` keeps state and
 * users, `pipeline*` moves splices, and `cell/`, `http/` and `src/cli` show and control it. Types only.
 */
import type { Value } from '../bytes/msgpack.js'

/** One splice or one list of node edits as msgpack: exactly the bytes received or to send. */
export type Raw = Uint8Array

/** Raw msgpack of one splice `[type, info]` from a 0.1.x layer. Nobody writes to it. */
export type RawSplice = Raw

/**
 * An open layer of a Cortex.
 *
 * If the connection is lost, every method fails with `LinkDown` (src/telepath) and never ends as if complete; the
 * outcome of a push is then unknown. An error from the Cortex itself is a `TelepathError`
 * (`name` is Python's class name, `info` its fields). Anything else thrown is a bug.
 */
export interface RemoteLayer {
  readonly iden: string
  /** Splices from `offs` on (0.1.x only): item i has offset `offs + i`; `size` -1 reads to the end of the log. */
  splices(offs: number | bigint, size: number): AsyncIterable<RawSplice>
  /**
   * Idens of this layer's nodes created after one time and up to another, epoch ms by the Cortex's clock (0.1.x only).
   */
  createdSince(after: number, upTo?: number): AsyncIterable<string>
  /** Applies node edits in order. Resolves when the Cortex has them. @param nodeedits raw array @param meta raw map */
  storNodeEditsNoLift(nodeedits: Raw, meta: Raw): Promise<void>
  /** The index after the last row of the layer's node edit log (2.x only); null when the release does not say. */
  editIndex(): Promise<number | null>
  /**
   * A digest of the last row before an index of that log; null when there is none, or the release does not say. @param
   * index up to `editIndex()`
   */
  editDigest(index: number): Promise<string | null>
  close(): Promise<void>
  /** Settles when the connection ends: undefined after `close()`, else why. Never rejects. */
  readonly closed: Promise<Error | undefined>
}

/** An open Cortex. Fails with `LinkDown` and `TelepathError` like a layer. */
export interface RemoteCortex {
  /** `syn:version` of its handshake. */
  readonly version: readonly [number, number, number]
  /** Its url without the password, for messages. */
  readonly shownUrl: string
  getModelDict(): Promise<Value>
  enableMigrationMode(): Promise<void>
  disableMigrationMode(): Promise<void>
  /** Opens a layer on a connection of its own. */
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

/** The configuration from `cell.yaml`, `SYN_SYNCMIGRATOR_*` and the command line, checked (src/sync/cell/config.ts). */
export interface SyncConfig {
  readonly src: string | undefined
  readonly dest: string | undefined
  readonly offsfile: string | undefined
  /** Seconds between polls of the source when caught up, > 0. */
  readonly pollS: number
  /** How many groups may fail before a layer's push stops; -1: no limit. */
  readonly errLim: number
  /** Layers of the source to leave out. */
  readonly skipLayers: readonly string[]
  /** How many splices of one layer may be in memory, >= 1. */
  readonly queueSize: number
  /** How many bytes of splices of all layers may be in memory, > 0. */
  readonly queueBytes: number
  /** Log progress each time this many offsets are done; 0: never. */
  readonly offsLogging: number
  /** What to do with model extensions that only the source has: add them to the destination, or only report them. */
  readonly modelSync: 'add' | 'off'
  /** Whether to accept a destination without a migration mode (a release newer than those that have it). */
  readonly noMigrationMode: boolean
}

/**
 * A splice, or several in one push, that could not be applied. Kept until a retry succeeds or the layer starts over.
 */
export interface SyncError {
  readonly layer: string
  /** Offset of the first splice; with `layer` the record's key. */
  readonly offset: number
  /** The offset after the last splice. */
  readonly endOffset: number
  readonly message: string
  readonly splices: readonly RawSplice[]
  /** What was pushed, if we got that far. */
  readonly nodeedits: Raw | null
  readonly meta: Raw | null
}

/** A point of a layer where source and destination were known to agree. */
export interface Anchor {
  readonly offset: number
  /** Digest of the splice before the offset; null when unknown, or when there is none. */
  readonly digest: string | null
  /** Where the destination's log of node edits ended; null when it does not say. */
  readonly index: number | null
  /** Digest of the last row of that log, as this version of the destination shows rows; null when unknown. */
  readonly row: string | null
}

/**
 * The service's durable state (`slabs/migrsync.lmdb` and the hive of `slabs/cell.lmdb`). Reads are synchronous and see
 * all earlier writes. Each write is a transaction, which is durable when its promise resolves. Writes become durable in
 * order. You need not await a push offset before the next push, because a replay is harmless.
 */
export interface OffsetStore {
  /** All layers ever started with their start offsets, in the order of the hive. */
  layers(): [iden: string, startOffset: number][]
  /**
   * Stores start offsets as the layer, pull and push offsets of layers; `resetErrors` drops everything else about them.
   */
  startLayers(starts: readonly (readonly [iden: string, offset: number])[], resetErrors: boolean): Promise<void>
  /** Offset of the next splice to read; 0 when unknown. */
  pullOffset(iden: string): number
  /**
   * The offset after the last splice that the destination acknowledged (or that has an error record); 0 when unknown.
   */
  pushOffset(iden: string): number
  setPullOffset(iden: string, offset: number): Promise<void>
  /**
   * Moves the push offset and stores the errors on the way, atomically. Everything up to `settledOffset` that the
   * destination acknowledged is surely on its disk.
   */
  advance(iden: string, pushOffset: number, errors: readonly SyncError[], settledOffset: number): Promise<void>
  /**
   * Where to resume: a destination that was killed has lost the last edits that it acknowledged. Never above the push
   * offset.
   */
  settledOffset(iden: string): number
  /**
   * Points for a later start to compare source and destination at, oldest first; the last one is at the settled offset.
   */
  anchors(iden: string): readonly Anchor[]
  setAnchors(iden: string, anchors: readonly Anchor[]): Promise<void>
  /**
   * Until when (epoch ms) all nodes created at the source are known to be at the destination; null when never checked.
   */
  nodesChecked(iden: string): number | null
  setNodesChecked(iden: string, time: number): Promise<void>
  /** Error records of one layer or of all, by layer and offset, starting at `from`. */
  errors(iden?: string, from?: number): Iterable<SyncError>
  error(iden: string, offset: number): SyncError | undefined
  errorCount(iden: string): number
  /** Removes a record after its splices were applied. */
  removeError(iden: string, offset: number): Promise<void>
  /** Whether the error limit stopped the layer, so that it only starts again on request. `startLayers` resets it. */
  halted(iden: string): boolean
  setHalted(iden: string): Promise<void>
  /** The operator's override of the migration mode; null means automatic. */
  migrationModeOverride(): boolean | null
  setMigrationModeOverride(value: boolean | null): Promise<void>
  /** Whether a sync was started and not stopped: a restarted service then continues on its own. */
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

/** The state of a layer. Offsets count splices from 0; null means unknown. */
export interface LayerState {
  readonly iden: string
  readonly pullStatus: PullStatus | null
  readonly pullOffset: number
  readonly pushOffset: number
  /** Whether the destination accepts pushes, as of the last try. */
  readonly destUp: boolean
  /** Splices after `pushOffset` that were sent but not acknowledged. */
  readonly inFlight: number
  /** The index after the source's last splice, as far as we know. */
  readonly sourceTip: number | null
  readonly queue: { readonly finished: boolean; readonly length: number } | null
  readonly pullTask: TaskState
  readonly pushTask: TaskState
  /** When we last read from the source, and last connected to the destination; epoch ms. */
  readonly pullStartedAt: number | null
  readonly pushConnectedAt: number | null
  readonly errorCount: number
  readonly lagSplices: number | null
  /** Whether all that the destination has acknowledged is surely on its disk. */
  readonly isSettled: boolean
  /** Age of the oldest splice without acknowledgement. */
  readonly lagSeconds: number | null
  /** Acknowledged splices per second over the last minute. */
  readonly rate: number
  readonly pushedTotal: number
  /** When we last read the source to its end, epoch ms. We know nothing of what came later. */
  readonly polledAt: number | null
  /** What an operator should know about this layer, one sentence each. */
  readonly notes: readonly string[]
  /** The notes among them that do not go away on their own. */
  readonly lastingNotes: readonly string[]
}

/** A reason not to cut over yet: a sentence, and whether waiting may help. */
export interface Blocker {
  readonly text: string
  readonly passes: boolean
}

/** Something that the verdict "safe to cut over" does not cover. */
export interface NotLookedAt {
  /** Stays the same when only a time or place in the sentence changes. */
  readonly key:
    | 'splices'
    | 'splices_before'
    | 'node_data'
    | 'equality'
    | 'edit_log'
    | 'new_layers'
    | 'other_connections'
    | 'lost_splices'
    | 'triggers'
  /** A sentence. */
  readonly text: string
}

/** The state of the whole service. `src/sync/status.ts` turns it into the `status` map, its texts and the metrics. */
export interface SyncState {
  readonly syncing: boolean
  readonly layers: readonly LayerState[]
  readonly migrationModeOverride: boolean | null
  /** Whether the destination is in migration mode, as far as we know, and why it could not be switched. */
  readonly migrationMode: boolean | null
  readonly migrationModeError: string | null
  readonly sourceVersion: readonly number[] | null
  readonly destVersion: readonly number[] | null
  /**
   * True when every layer was read to the source's end, everything is acknowledged and no error is open, as of
   * `polledAt`.
   */
  readonly canCutover: boolean
  readonly blockers: readonly Blocker[]
  /** The blockers' texts. */
  readonly cutoverBlockers: readonly string[]
  /** The oldest of the layers' last polls, epoch ms; null when a layer was never polled. */
  readonly polledAt: number | null
  /** Differences that splices do not carry, or that we cannot detect: to redo by hand. */
  readonly notCarried: readonly string[]
  /** What `canCutover` does not cover. */
  readonly unseen: readonly NotLookedAt[]
  /** The texts of `unseen`. */
  readonly notLookedAt: readonly string[]
}

/** Runs the layers of one service. The telepath API, the Storm commands, HTTP and the command line call it. */
export interface SyncService {
  /** What we know without asking anyone. For the verdict on cutting over, use `ask()`. */
  state(): SyncState
  /** Makes every layer ask its source now, then answers: `canCutover` is true as of this moment. */
  ask(): Promise<SyncState>
  /**
   * Starts the layers in the offsets file. Checks everything before it changes anything.
   *
   * @throws {MigrationError} naming what is wrong with the file, the source or the destination
   */
  startSyncFromFile(): Promise<[iden: string, offset: number][]>
  /** Resumes from the stored push offsets; does nothing when no layer was ever started. */
  startSyncFromLast(): Promise<[iden: string, offset: number][]>
  /** Pushes or gives back what is pending, stops every layer, and returns the layers that had something to stop. */
  stopSync(): Promise<string[]>
  /** Null on success, else the text `Enabling migration mode on dest cortex encountered an error: …`. */
  enableMigrationMode(): Promise<string | null>
  disableMigrationMode(): Promise<string | null>
  /** Back to automatic: on while syncing. */
  automaticMigrationMode(): Promise<string | null>
  /** Open error records, by layer and offset. */
  errors(iden?: string, limit?: number): SyncError[]
  /** Translates and pushes the open records again, in order, and removes those that succeed. */
  retryErrors(iden?: string): Promise<{ readonly applied: number; readonly failed: number }>
  /**
   * Waits until all layers are in sync at one moment, and nothing is left that could go away on its own. Then look at
   * the blockers.
   *
   * @throws {MigrationError} when a layer has stopped instead
   */
  untilCaughtUp(): Promise<SyncState>
  /** Ends the service: pushes or gives back what is pending. Keeps `syncing`, so that the next process continues. */
  close(): Promise<void>
}

/** Creates the pipeline half: `createSyncService` in `src/sync/pipeline.ts`. */
export type CreateSyncService = (parts: {
  readonly config: SyncConfig
  readonly store: OffsetStore
  readonly openCortex: OpenCortex
  readonly log: SyncLog
}) => SyncService

/** Log lines; they never contain passwords. */
export interface SyncLog {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string, cause?: unknown): void
}
