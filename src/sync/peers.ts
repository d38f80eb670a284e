import { PackMap, type Value } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import { TelepathError } from '../telepath/errors.js'
import type { OpenCortex, RemoteCortex, RemoteLayer, SyncConfig, SyncLog } from './api.js'
import { Backoff, type Clock, END, Signal, Stopped, untilStopped } from './clock.js'
import { destViews } from './cortex-views.js'
import { DictModel } from './dict-model.js'
import { addExtension, compareModels } from './model-extensions.js'
import { OddAnswer, sortFailure } from './remote-failure.js'

/** An unknown form or prop makes us compare the models again, but not more often than this. */
const MODEL_RELOAD_MS = 1_000
export const FIRST_PAUSE_MS = 250
/** The longest pause between attempts to connect. */
export const LONGEST_PAUSE_MS = 30_000
/** Retrying fast does not fix a wrong password. */
export const REFUSED_PAUSE_MS = 5_000

/** One of the two Cortexes. Opened on first use, and again when its connection has ended. */
class Peer {
  private readonly url: string | undefined
  private readonly role: 'source' | 'destination'
  private readonly openCortex: OpenCortex
  private cortex: Promise<RemoteCortex> | null = null
  version: readonly number[] | null = null
  /** Counts connections: while the number stays the same, the Cortex was not restarted. */
  connection = 0
  /** How many layers are surely open; and how often a layer began to open, opened or closed. */
  openLayers = 0
  layerChanges = 0
  private opening = 0

  constructor(role: 'source' | 'destination', url: string | undefined, openCortex: OpenCortex) {
    this.role = role
    this.url = url
    this.openCortex = openCortex
  }

  /** @throws {MigrationError} when there is no url or the Cortex is of the wrong kind; LinkDown, TelepathError */
  open(): Promise<RemoteCortex> {
    if (this.cortex !== null) return this.cortex
    const opening = this.connect()
    this.cortex = opening
    // Forget only this connection: another one may be open by now.
    const forget = () => {
      if (this.cortex === opening) this.cortex = null
    }
    opening.then((cortex) => cortex.closed.then(forget), forget)
    return opening
  }

  async openLayer(iden: string): Promise<RemoteLayer> {
    const cortex = await this.open()
    this.opening++
    this.layerChanges++
    try {
      const layer = await cortex.openLayer(iden)
      this.openLayers++
      layer.closed.then(() => {
        this.openLayers--
        this.layerChanges++
      })
      return layer
    } finally {
      this.opening--
      this.layerChanges++
    }
  }

  /** Whether a layer is just being opened: the other end may already know of it. */
  get isOpening(): boolean {
    return this.opening > 0
  }

  /** Ends the connection. The next `open()` makes a new one. */
  close(): void {
    const cortex = this.cortex
    this.cortex = null
    cortex?.then((opened) => opened.close()).catch(() => {})
  }

  private async connect(): Promise<RemoteCortex> {
    const option = this.role === 'source' ? 'src' : 'dest'
    if (this.url === undefined) {
      throw new MigrationError('ERR_CONFIG', `Cannot open the ${this.role}: no url is configured`, {
        hint: `give its telepath url with --${option}, SYN_SYNCMIGRATOR_${option.toUpperCase()} or in cell.yaml`,
      })
    }
    const cortex = await this.openCortex(this.url)
    const [major, minor] = cortex.version
    const isOld = major === 0 && minor === 1
    const isNew = (major === 0 && minor === 2) || major === 2
    if (this.role === 'source' ? !isOld : !isNew) {
      await cortex.close()
      const expected = this.role === 'source' ? '0.1.x' : '0.2.x or 2.x'
      throw new MigrationError(
        'ERR_CONFIG',
        `Cannot use ${cortex.shownUrl} as ${this.role}: its version is ${cortex.version.join('.')}, expected ${expected}`,
        { hint: 'perhaps --src and --dest are swapped' },
      )
    }
    this.version = cortex.version
    this.connection++
    return cortex
  }
}

export class SourcePeer extends Peer {
  /** Time of the newest splice of all layers, by the source's clock. */
  newestSplice = Number.NEGATIVE_INFINITY
  /** How many running layers have not looked for their newest splice yet. */
  unlooked = 0

  constructor(url: string | undefined, openCortex: OpenCortex) {
    super('source', url, openCortex)
  }

  async model(): Promise<DictModel> {
    return new DictModel(await (await this.open()).getModelDict())
  }
}

export interface DestOptions {
  readonly source: SourcePeer
  readonly config: SyncConfig
  readonly openCortex: OpenCortex
  readonly clock: Clock
  readonly random: () => number
  readonly log: SyncLog
  /** The operator's override; null is automatic. */
  readonly override: () => boolean | null
}

/**
 * The destination: its model, its migration mode, and a connection that we watch, so that the mode is soon on again
 * after a restart even if nothing is being pushed.
 */
export class DestPeer extends Peer {
  private readonly options: DestOptions
  private readonly readySignal = new Signal()
  private isReady = false
  private watcher: { readonly abort: AbortController; readonly done: Promise<void> } | null = null
  private loadedModel: DictModel | null = null
  private modelLoadedAt = Number.NEGATIVE_INFINITY
  private loading: Promise<void> | null = null
  /** Increases with each new model, so that translators notice. */
  modelVersion = 0
  migrationMode: boolean | null = null
  migrationModeError: string | null = null
  /** Why we cannot use the destination now, one sentence; null when we can. */
  trouble: string | null = null
  modelNotes: readonly string[] = []

  constructor(options: DestOptions) {
    super('destination', options.config.dest, options.openCortex)
    this.options = options
  }

  get model(): DictModel {
    return this.loadedModel ?? EMPTY_MODEL
  }

  /** Connects, switches migration mode and compares the models once, for a start that must report what is wrong. */
  async prepare(): Promise<void> {
    await this.applyMode()
    await this.reloadModel()
  }

  /** Keeps the connection and the mode up from now on, even if `prepare()` failed. */
  watch(): void {
    if (this.watcher !== null) return
    const abort = new AbortController()
    this.watcher = { abort, done: this.watchUntil(abort.signal) }
  }

  async unwatch(): Promise<void> {
    const watcher = this.watcher
    this.watcher = null
    this.isReady = false
    watcher?.abort.abort(END)
    await watcher?.done
  }

  /** Which of these nodes are in no layer of any view with this layer. */
  async missingNodes(layer: string, idens: readonly string[]): Promise<readonly string[]> {
    const cortex = await this.open()
    const views = await destViews(cortex)
    const view =
      [...views].find(([, layers]) => layers[0] === layer) ?? [...views].find(([, layers]) => layers.includes(layer))
    if (view === undefined) throw TelepathError.of('NoSuchView', { mesg: `No view has layer ${layer}` })
    const count = async (some: readonly string[]) => {
      const found = await cortex.call('count', `iden ${some.join(' ')}`, new PackMap([['view', view[0]]]))
      if (typeof found !== 'number') throw new OddAnswer('count', 'a number')
      return found
    }
    if ((await count(idens)) === idens.length) return []
    const missing: string[] = []
    for (const iden of idens) if ((await count([iden])) === 0) missing.push(iden)
    return missing
  }

  /**
   * Waits until pushes may begin: connected, migration mode set, model known. Called after every connect of a layer,
   * because the destination may have been restarted in between.
   */
  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      while (!this.isReady) await untilStopped(this.readySignal.wait(), signal)
      try {
        await untilStopped(this.applyMode(), signal)
        return
      } catch (error) {
        if (error instanceof Stopped) throw error
        this.isReady = false
        this.failed(error)
        this.close()
      }
    }
  }

  /** Sets the mode to the operator's override, or on if there is none. */
  private async applyMode(): Promise<void> {
    if (this.options.override() === false) {
      await this.open()
      return
    }
    await this.setMode(true)
  }

  /**
   * @throws {MigrationError} when the destination lacks the call and we must not go on without; LinkDown, TelepathError
   */
  async setMode(on: boolean): Promise<void> {
    const { config, log } = this.options
    try {
      const cortex = await this.open()
      await (on ? cortex.enableMigrationMode() : cortex.disableMigrationMode())
      if (this.migrationMode !== on) log.info(`Migration mode ${on ? 'enabled' : 'disabled'} on the destination`)
      this.migrationMode = on
      this.migrationModeError = null
    } catch (error) {
      this.migrationMode = null
      this.migrationModeError = (error as Error).message
      if ((error as Error).name !== 'NoSuchMeth') throw error
      // A release without the mode cannot have it on.
      if (!on) this.migrationMode = false
      if (!on || config.noMigrationMode) return
      throw new MigrationError('ERR_CONFIG', 'Cannot enable migration mode: this release of the destination has none', {
        cause: error,
        hint: 'its triggers and cron jobs would act on synced changes: disable them and pass --no-migration-mode',
      })
    }
  }

  /**
   * Asks both Cortexes for their models, because something is in neither. Does nothing soon after the last time.
   *
   * @returns whether it asked
   */
  async freshenModel(): Promise<boolean> {
    if (this.options.clock.elapsed() - this.modelLoadedAt < MODEL_RELOAD_MS) return false
    await this.reloadModel(true)
    return true
  }

  /**
   * Loads the destination's model and, if configured, adds extensions that only the source has.
   *
   * @param needsSource whether the result is useless without the source's model
   */
  reloadModel(needsSource = false): Promise<void> {
    this.loading ??= this.loadModel(needsSource).finally(() => {
      this.loading = null
    })
    return this.loading
  }

  private async loadModel(needsSource: boolean): Promise<void> {
    const cortex = await this.open()
    const before = new DictModel(await cortex.getModelDict())
    this.loadedModel = before
    this.modelVersion++
    if (await this.syncExtensions(cortex, before, needsSource)) {
      this.loadedModel = new DictModel(await cortex.getModelDict())
      this.modelVersion++
    }
    this.modelLoadedAt = this.options.clock.elapsed()
  }

  /** Returns whether it added something. */
  private async syncExtensions(cortex: RemoteCortex, dest: DictModel, needsSource: boolean): Promise<boolean> {
    const { source, config, log } = this.options
    let sourceModel: DictModel
    try {
      sourceModel = await source.model()
    } catch (error) {
      if (needsSource) throw error
      // The source may be away for now. A splice that needs its model waits for it.
      log.debug(`The source's model is not known now: ${(error as Error).message}`)
      return false
    }
    const { missing, notes } = compareModels(sourceModel, dest)
    const open: string[] = [...notes]
    let added = false
    for (const extension of missing) {
      const { name } = extension
      if (config.modelSync === 'off') {
        open.push(`The destination's model lacks the extension ${name}`)
        continue
      }
      try {
        await addExtension(cortex, extension)
        log.info(`Added the model extension ${name} to the destination`)
        added = true
      } catch (error) {
        if (sortFailure(error) === 'link') throw error
        open.push(`Cannot add the model extension ${name} to the destination: ${(error as Error).message}`)
      }
    }
    for (const note of open) if (!this.modelNotes.includes(note)) log.warn(note)
    this.modelNotes = open
    return added
  }

  private async watchUntil(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.options
    const links = new Backoff(random, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    const refusals = new Backoff(random, REFUSED_PAUSE_MS, LONGEST_PAUSE_MS)
    while (!signal.aborted) {
      try {
        const cortex = await untilStopped(this.open(), signal)
        await untilStopped(this.applyMode(), signal)
        if (this.loadedModel === null) await untilStopped(this.reloadModel(), signal)
        this.trouble = null
        this.isReady = true
        this.readySignal.notify()
        links.reset()
        refusals.reset()
        await untilStopped(cortex.closed, signal)
        this.isReady = false
        this.migrationMode = null
      } catch (error) {
        if (error instanceof Stopped) return
        const refused = this.failed(error)
        this.close()
        await clock.sleep((refused ? refusals : links).nextMs(), signal)
      }
    }
  }

  /** Records why the destination cannot be used. Returns whether it refused, so that retrying soon is pointless. */
  private failed(error: unknown): boolean {
    const message = (error as Error).message
    if (this.trouble !== message) this.options.log.warn(`The destination cannot be used now: ${message}`)
    this.trouble = message
    return sortFailure(error) !== 'link'
  }
}

const EMPTY_MODEL = new DictModel(null as Value)
