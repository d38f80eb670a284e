import { MigrationError } from '../errors.js'
import type {
  CreateSyncService,
  LayerState,
  NotLookedAt,
  OffsetStore,
  OpenCortex,
  RemoteLayer,
  SyncConfig,
  SyncError,
  SyncLog,
  SyncService,
  SyncState,
} from './api.js'
import { type Clock, END, systemClock } from './clock.js'
import { ByteBudget } from './layer/byte-budget.js'
import { LayerSync } from './layer/layer-sync.js'
import type { RetryResult } from './layer/retry.js'
import { notLookedAt } from './not-looked-at.js'
import { readOffsetsFile } from './offsets-file.js'
import { OtherWriters } from './other-writers.js'
import { DestPeer, SourcePeer } from './peers.js'
import { sortFailure } from './remote-failure.js'
import { findUnsynced, NOTHING_UNSYNCED, type Unsynced } from './unsynced.js'
import { blockersOf } from './verdict.js'

/** How long the sources may take to say whether they have more. */
const ASK_MS = 10_000
/** How often to ask while waiting for all layers to catch up. */
const CAUGHT_UP_MS = 500
const NEVER = new AbortController().signal

/** In every status: no 0.1.x release logs these as splices. */
const NOT_CARRIED: readonly string[] = [
  'Node data that was set or removed since the migration is not synced and cannot be detected: set it again',
  'Users, roles, rules and passwords changed since the migration are not synced: repeat the changes by hand',
  'Views, layers, triggers, cron jobs, queues and their items, Storm packages, services and dmons that were made or changed since the migration are not synced: repeat the changes by hand',
]

interface Parts {
  readonly config: SyncConfig
  readonly store: OffsetStore
  readonly openCortex: OpenCortex
  readonly log: SyncLog
}

/** Time and randomness; tests replace them. */
export interface Ground {
  readonly clock: Clock
  readonly random: () => number
}

export const createSyncService: CreateSyncService = (parts) => new LayerSyncs(parts)

/** All layers of one service; see `SyncService`. Resumes on its own if the last process was syncing at its end. */
export class LayerSyncs implements SyncService {
  private readonly parts: Parts
  private readonly ground: Ground
  private readonly source: SourcePeer
  private readonly dest: DestPeer
  private readonly budget: ByteBudget
  private readonly layers = new Map<string, LayerSync>()
  private last: Promise<unknown> = Promise.resolve()
  private unsynced: Unsynced = NOTHING_UNSYNCED
  private readonly others = new OtherWriters()
  /** When we last looked for layers, views and connections, by `clock.elapsed()`. */
  private lookedAt = Number.NEGATIVE_INFINITY
  private resumeOrder: Promise<void> = Promise.resolve()

  constructor(parts: Parts, ground: Ground = { clock: systemClock, random: Math.random }) {
    this.parts = parts
    this.ground = ground
    const { config, store, openCortex, log } = parts
    this.budget = new ByteBudget(config.queueBytes)
    this.source = new SourcePeer(config.src, openCortex)
    this.dest = new DestPeer({
      source: this.source,
      config,
      openCortex,
      clock: ground.clock,
      random: ground.random,
      log,
      override: () => store.migrationModeOverride(),
    })
    if (store.syncing()) this.resumeOrder = this.exclusive(() => this.resume())
    else if (store.migrationModeOverride() === true) this.dest.watch()
  }

  /** The work that a restart resumes; for tests. */
  get resumed(): Promise<void> {
    return this.resumeOrder
  }

  async ask(): Promise<SyncState> {
    const { clock } = this.ground
    const askedAt = clock.elapsed()
    const timer = new AbortController()
    const layers = [...this.layers.values()]
    const answers = Promise.all([
      ...layers.map((layer) => layer.ask(askedAt, timer.signal)),
      this.lookForUnsynced(askedAt),
    ])
    await Promise.race([answers, clock.sleep(ASK_MS, timer.signal)])
    timer.abort(END)
    const unanswered = new Set(layers.filter((layer) => !layer.isPolledSince(askedAt)).map(({ iden }) => iden))
    return this.stateOf(unanswered, this.lookedAt >= askedAt)
  }

  private async lookForUnsynced(askedAt: number): Promise<void> {
    if (!this.isSyncing() || this.dest.trouble !== null) return
    if (!(await this.others.look(this.dest, askedAt))) return
    const { skipLayers } = this.parts.config
    const found = await findUnsynced(this.source, this.dest, [...this.layers.keys()], skipLayers)
    // An answer to a later question is newer.
    if (found === null || askedAt < this.lookedAt) return
    this.unsynced = found
    this.lookedAt = askedAt
  }

  state(): SyncState {
    return this.stateOf(new Set(), this.lookedAt !== Number.NEGATIVE_INFINITY)
  }

  private stateOf(unanswered: ReadonlySet<string>, isLookedFor: boolean): SyncState {
    const { store } = this.parts
    const dest = this.dest
    const layers = this.layerStates()
    const syncing = store.syncing()
    const blockers = blockersOf({
      syncing,
      layers,
      unanswered,
      isLookedFor,
      override: store.migrationModeOverride(),
      others: [...this.unsynced.blockers, ...this.others.blockers(this.ground.clock.elapsed())],
    })
    const unseen = this.notLookedAt()
    const polled = layers.map(({ polledAt }) => polledAt)
    return {
      syncing,
      layers,
      migrationModeOverride: store.migrationModeOverride(),
      migrationMode: dest.migrationMode,
      migrationModeError: dest.migrationModeError,
      sourceVersion: this.source.version,
      destVersion: dest.version,
      canCutover: blockers.length === 0,
      blockers,
      cutoverBlockers: blockers.map(({ text }) => text),
      polledAt: polled.length === 0 || polled.includes(null) ? null : Math.min(...(polled as number[])),
      notCarried: [...NOT_CARRIED, ...dest.modelNotes],
      unseen,
      notLookedAt: unseen.map(({ text }) => text),
    }
  }

  startSyncFromFile(): Promise<[iden: string, offset: number][]> {
    return this.exclusive(async () => {
      const starts = readOffsetsFile(this.parts.config.offsfile)
      return this.start(
        starts.map(([iden]) => iden),
        () => starts,
        true,
      )
    })
  }

  startSyncFromLast(): Promise<[iden: string, offset: number][]> {
    return this.exclusive(async () => {
      const idens = this.parts.store.layers().map(([iden]) => iden)
      return idens.length === 0 ? [] : this.start(idens, () => this.lastOffsets(), false)
    })
  }

  stopSync(): Promise<string[]> {
    return this.exclusive(async () => {
      const { store, log } = this.parts
      await store.setSyncing(false)
      const stopped = await this.stopLayers()
      await this.dest.unwatch()
      this.source.close()
      if (stopped.length > 0 && store.migrationModeOverride() !== true) {
        await this.dest.setMode(false).catch((error) => log.error(modeFailure('Disabling', error)))
      }
      if (store.migrationModeOverride() === true) this.dest.watch()
      else this.dest.close()
      if (stopped.length > 0) log.info('Sync stopped')
      return stopped
    })
  }

  enableMigrationMode(): Promise<string | null> {
    return this.override(true, true)
  }

  disableMigrationMode(): Promise<string | null> {
    return this.override(false, false)
  }

  automaticMigrationMode(): Promise<string | null> {
    return this.override(null, this.parts.store.syncing())
  }

  errors(iden?: string, limit = Number.POSITIVE_INFINITY): SyncError[] {
    const found: SyncError[] = []
    for (const error of this.parts.store.errors(iden)) {
      if (found.length >= limit) break
      found.push(error)
    }
    return found
  }

  async retryErrors(iden?: string): Promise<RetryResult> {
    const { store } = this.parts
    const idens = [...new Set([...store.errors(iden)].map(({ layer }) => layer))]
    const running = idens.map((each) => this.layers.get(each)).filter((layer) => layer?.isRunning === true)
    const results = await Promise.all(running.map((layer) => (layer as LayerSync).retry()))
    const stopped = idens.filter((each) => this.layers.get(each)?.isRunning !== true)
    if (stopped.length > 0) results.push(await this.exclusive(() => this.retryStopped(stopped)))
    return {
      applied: results.reduce((sum, { applied }) => sum + applied, 0),
      failed: results.reduce((sum, { failed }) => sum + failed, 0),
    }
  }

  async untilCaughtUp(): Promise<SyncState> {
    await this.resumeOrder
    await this.last
    const layers = [...this.layers.values()].filter(({ isWanted }) => isWanted)
    if (layers.length === 0) {
      throw new MigrationError('ERR_USAGE', 'Cannot wait for the sync: it was not started', {
        hint: 'start it from the offsets file or from last',
      })
    }
    for (;;) {
      const state = await this.ask()
      const failure = layers.map((layer) => layer.failure).find((each) => each !== null)
      if (failure) throw failure
      if (state.blockers.every(({ passes }) => !passes)) return state
      await this.ground.clock.sleep(CAUGHT_UP_MS, NEVER)
    }
  }

  close(): Promise<void> {
    return this.exclusive(async () => {
      const { store, log } = this.parts
      const stopped = await this.stopLayers()
      await this.dest.unwatch()
      this.source.close()
      this.dest.close()
      if (stopped.length > 0 && store.migrationModeOverride() !== false) {
        log.info('Migration mode stays on at the destination, as the sync goes on when the service is started again')
      }
    })
  }

  /** Checks everything before it changes anything, and stops these layers if they are running. */
  private async start(
    idens: readonly string[],
    starts: () => [iden: string, offset: number][],
    resetErrors: boolean,
  ): Promise<[iden: string, offset: number][]> {
    try {
      await this.checkDest(idens)
      await this.checkSource(idens)
      await this.prepareDest()
    } catch (error) {
      if (!this.isSyncing()) {
        this.dest.close()
        this.source.close()
      }
      throw error
    }
    await this.stopLayers(idens)
    const { store } = this.parts
    const found = starts()
    // Retry for layers that the error limit stopped: earlier errors may have the same cause.
    const retry = new Set(idens.filter((iden) => !resetErrors && store.halted(iden)))
    await store.startLayers(found, resetErrors)
    await store.setSyncing(true)
    this.dest.watch()
    for (const [iden, offset] of found) this.layer(iden).start(offset, retry.has(iden))
    return found
  }

  private async resume(): Promise<void> {
    const starts = this.lastOffsets()
    const { store, log } = this.parts
    log.info(`Going on with ${starts.length} layers that were in sync when the service ended`)
    this.dest.watch()
    for (const [iden, offset] of starts) {
      if (store.halted(iden)) {
        this.layer(iden).halted(`Error limit reached at offset ${store.pushOffset(iden)}: start from last to go on`)
        continue
      }
      await store.startLayers([[iden, offset]], false)
      this.layer(iden).start(offset)
    }
  }

  private async stopLayers(idens: readonly string[] = [...this.layers.keys()]): Promise<string[]> {
    const layers = idens.map((iden) => this.layers.get(iden)).filter((layer) => layer !== undefined)
    const had = await Promise.all(layers.map((layer) => layer.stop()))
    return layers.filter((_, i) => had[i]).map((layer) => layer.iden)
  }

  private lastOffsets(): [iden: string, offset: number][] {
    const { store } = this.parts
    return store.layers().map(([iden]) => [iden, store.settledOffset(iden)])
  }

  private layer(iden: string): LayerSync {
    let layer = this.layers.get(iden)
    if (layer === undefined) {
      const { config, store, log } = this.parts
      layer = new LayerSync({
        iden,
        config,
        store,
        source: this.source,
        dest: this.dest,
        budget: this.budget,
        log,
        ...this.ground,
      })
      this.layers.set(iden, layer)
    }
    return layer
  }

  private async checkDest(idens: readonly string[]): Promise<void> {
    try {
      for (const iden of idens) await closing(this.dest.openLayer(iden))
    } catch (error) {
      throw cannotStart('destination', error)
    }
  }

  /** The first change of the destination; nothing else can fail the start after this. */
  private async prepareDest(): Promise<void> {
    try {
      await this.dest.prepare()
    } catch (error) {
      if (!this.isSyncing() && this.dest.migrationMode && this.parts.store.migrationModeOverride() !== true) {
        await this.dest.setMode(false).catch((failure) => this.parts.log.error(modeFailure('Disabling', failure)))
      }
      throw cannotStart('destination', error)
    }
  }

  /** Waits for a source that is away, but not for one that refuses. */
  private async checkSource(idens: readonly string[]): Promise<void> {
    try {
      for (const iden of idens) await closing(this.source.openLayer(iden))
    } catch (error) {
      if (!(error instanceof MigrationError) && sortFailure(error) === 'link') {
        this.parts.log.warn(`The source cannot be reached now and is waited for: ${(error as Error).message}`)
        return
      }
      throw cannotStart('source', error)
    }
  }

  private async retryStopped(idens: readonly string[]): Promise<RetryResult> {
    const { store } = this.parts
    let [applied, failed] = [0, 0]
    const isSyncing = this.isSyncing()
    try {
      await this.dest.prepare()
      for (const iden of idens) {
        const layer = this.layer(iden)
        const result = await (layer.isRunning ? layer.retry() : layer.retryStopped())
        applied += result.applied
        failed += result.failed
      }
    } finally {
      if (!isSyncing && store.migrationModeOverride() !== true) {
        await this.dest.setMode(false).catch((error) => this.parts.log.error(modeFailure('Disabling', error)))
        this.dest.close()
        this.source.close()
      }
    }
    return { applied, failed }
  }

  private notLookedAt(): NotLookedAt[] {
    const layers = [...this.layers.values()]
    return notLookedAt({
      links: layers.map((layer) => layer.sourceLink),
      blindLayers: layers.filter((layer) => layer.isBlind).map(({ iden }) => iden),
      isModeOff: this.parts.store.migrationModeOverride() === false,
      troubles: [
        ['new_layers', this.unsynced.trouble],
        ['other_connections', this.others.trouble],
        ...layers.map(({ unwatched }) => ['lost_splices', unwatched] as const),
      ],
    })
  }

  private isSyncing(): boolean {
    return [...this.layers.values()].some((layer) => layer.isRunning)
  }

  private override(override: boolean | null, on: boolean): Promise<string | null> {
    return this.exclusive(async () => {
      const { store } = this.parts
      await store.setMigrationModeOverride(override)
      try {
        await this.dest.setMode(on)
        if (override === true) this.dest.watch()
        return null
      } catch (error) {
        return modeFailure(on ? 'Enabling' : 'Disabling', error)
      } finally {
        if (!this.isSyncing() && override !== true) {
          await this.dest.unwatch()
          this.dest.close()
        }
      }
    })
  }

  /** Runs starts, stops and mode switches one after the other. */
  private exclusive<T>(action: () => Promise<T>): Promise<T> {
    const run = this.last.then(action, action)
    this.last = run.catch(() => {})
    return run
  }

  private layerStates(): LayerState[] {
    const states = this.parts.store.layers().map(([iden]) => this.layer(iden).state())
    const { trouble } = this.dest
    if (trouble === null) return states
    const note = `The destination cannot be used now: ${trouble}`
    return states.map((state) =>
      state.pushTask.status === 'active' && !state.notes.some((each) => each.includes(trouble))
        ? { ...state, notes: [...state.notes, note] }
        : state,
    )
  }
}

function modeFailure(doing: 'Enabling' | 'Disabling', error: unknown): string {
  return `${doing} migration mode on dest cortex encountered an error: ${(error as Error).message}`
}

function cannotStart(role: 'source' | 'destination', error: unknown): unknown {
  if (error instanceof MigrationError) return error
  sortFailure(error)
  return new MigrationError('ERR_CONFIG', `Cannot start the sync: the ${role} says: ${(error as Error).message}`, {
    cause: error,
    hint:
      (error as Error).name === 'NoSuchLayer'
        ? `the offsets file, or this directory, is of another migration than this ${role}: take the lyroffs.yaml that the migration of this source has written`
        : `check the url, user, password and permissions of the ${role}, and that it is running`,
  })
}

async function closing(opening: Promise<RemoteLayer>): Promise<void> {
  await (await opening).close()
}
