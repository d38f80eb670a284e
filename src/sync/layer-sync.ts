import { decode } from '../bytes/msgpack.js'
import { LinkDown } from '../telepath/errors.js'
import { SpliceReader } from '../translate/splice-reader.js'
import type { SpliceFailure } from '../translate/splices.js'
import type {
  LayerState,
  OffsetStore,
  PullStatus,
  RawSplice,
  RemoteLayer,
  SyncConfig,
  SyncError,
  SyncLog,
  TaskState,
} from './api.js'
import { Backoff, type Clock, END, Signal, Stopped, untilStopped } from './clock.js'
import { COMMIT_MS, Marks } from './marks.js'
import { type DestPeer, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, REFUSED_PAUSE_MS, type SourcePeer } from './peers.js'
import { Rate } from './rate.js'
import { sortFailure } from './remote-failure.js'
import { SpliceQueue } from './splice-queue.js'
import { type OffsetSplice, packNodeEdits, sameBytes, type Translated, Translation } from './translation.js'

/** Splices asked for at once: small enough that the source's scan is soon over, large enough to hide the round trip. */
const READ_SPLICES = 10_000
/** How long an open group waits for its next splice when the source has no more: one transaction's splices come together. */
const LINGER_MS = 5
/** Node edits and bytes of one push; a push that fails is repeated one by one. */
const MOST_EDITS = 1_000
const MOST_BYTES = 1 << 20
/** Translated pieces that wait for their push. */
const MOST_READY = 4_000
/** Splices translated between two looks at the network. */
const TURN_SPLICES = 256
/** A push that is under way when the layer is stopped may take this long to be acknowledged. */
const GRACE_MS = 3_000
/** The first pause between two polls of a source that has nothing new; doubled up to `poll_s`. */
const FIRST_POLL_MS = 500
/**
 * The newest splices wait until the source has been there for so long after they were read: 0.1.58 commits each 500 ms if
 * it is not too busy, and a killed source comes back without those it had not.
 */
const HOLD_MS = 3_000
/** The same for splices that have younger ones behind them, by the source's clock, which may jump a little. */
const OLD_MS = 10_000
const NO_TIP = { offset: 0, time: Number.NaN }
/** While catching up the end of the source's log is searched for this often. */
const TIP_MS = 30_000
/** How often the destination is asked how long its log of node edits is. */
const MARK_MS = 250
/** What is in neither model is looked for again when this much time has passed. */
const RECHECK_MS = 60_000
/** How often the source may fail to give its model before a splice that needs it becomes an error. */
const MODEL_ATTEMPTS = 8

export interface LayerParts {
  readonly iden: string
  readonly config: SyncConfig
  readonly store: OffsetStore
  readonly source: SourcePeer
  readonly dest: DestPeer
  readonly clock: Clock
  readonly random: () => number
  readonly log: SyncLog
}

export interface RetryResult {
  readonly applied: number
  readonly failed: number
}

/** Node edits of equal meta that go in one push, and the failures among them. */
interface Batch {
  readonly items: readonly Translated[]
  readonly offset: number
  readonly endOffset: number
}

interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
}

/** The limit of errors is reached: the layer stops in front of the last one. */
class ErrorLimit extends Error {
  override readonly name = 'SyncErrLimReached'
}

/**
 * Moves the splices of one layer: one task reads them, one translates, one pushes, each working ahead of the next within
 * `queueSize`. Node edits go in order, one push at a time; the push offset follows what the destination has acknowledged,
 * and a push of unknown outcome is repeated, which leads to the same nodes.
 */
export class LayerSync {
  readonly iden: string
  readonly #parts: LayerParts
  /** Ends reading and translating, and pushing between two pushes. */
  #soft = new AbortController()
  /** Ends everything. */
  #hard = new AbortController()
  #tasks: Promise<void>[] = []
  #running = false

  #queue = new SpliceQueue()
  #translation: Translation
  #ready: Translated[] = []
  #batch: Batch | null = null
  #retryWanted: Deferred<RetryResult> | null = null
  readonly #arrived = new Signal()
  readonly #translated = new Signal()
  readonly #acknowledged = new Signal()
  readonly #checked = new Map<string, number>()
  #modelVersion = -1
  #openErrors = new Set<number>()
  #errorsSinceStart = 0
  readonly #failedSinceStart = new Set<number>()
  #lastWrite: Promise<void> = Promise.resolve()

  #readOffset = 0
  /** Splices below it are surely on the source's disk. */
  #heldOffset = 0
  /** Where the source's log ended when that was searched last, and its last splice's time by the source's clock. */
  #tipSeen = NO_TIP
  /** Where the log ended at the last reads, not yet old enough. */
  #ends: { readonly offset: number; readonly at: number }[] = []
  #pushOffset = 0
  #settledOffset = 0
  #marks = new Marks(0)
  /** The destination's connection of the last push, and when that ended. */
  #connection = 0
  #lostAt = 0
  /** Counts the rewinds: who reads or waits for another one has to start over. */
  #epoch = 0
  #nap = new AbortController()
  #sourceTip: number | null = null
  #tipSearchedAt = Number.NEGATIVE_INFINITY
  #endSeen: number | null = null
  #pullStatus: PullStatus | null = null
  #pullTask: TaskState = { status: 'none' }
  #pushTask: TaskState = { status: 'none' }
  #pullStartedAt: number | null = null
  #pushConnectedAt: number | null = null
  #pullTrouble: string | null = null
  #pushTrouble: string | null = null
  #beyondEnd: string | null = null
  #pushedTotal = 0
  readonly #rate = new Rate()
  readonly #spliceReader = new SpliceReader()
  #caughtUp = quiet(deferred<void>())

  constructor(parts: LayerParts) {
    this.iden = parts.iden
    this.#parts = parts
    this.#pushOffset = parts.store.pushOffset(parts.iden)
    this.#translation = this.#newTranslation(this.#pushOffset)
  }

  get isRunning(): boolean {
    return this.#running
  }

  /** Resolves when everything that the source had at one time after the start is acknowledged; rejects when the layer ends before. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise
  }

  /** Starts at an offset; `retry` applies the recorded errors before it first. */
  start(offset: number, retry = false): void {
    const { store, iden, log } = this.#parts
    this.#soft = new AbortController()
    this.#hard = new AbortController()
    this.#marks = new Marks(offset)
    this.#settledOffset = offset
    this.#connection = 0
    this.#goTo(offset)
    this.#endSeen = null
    this.#sourceTip = null
    this.#beyondEnd = null
    this.#errorsSinceStart = 0
    this.#failedSinceStart.clear()
    this.#openErrors = new Set([...store.errors(iden)].map((error) => error.offset))
    this.#caughtUp = quiet(deferred<void>())
    this.#retryWanted = retry ? quiet(deferred<RetryResult>()) : null
    this.#pullStatus = null
    this.#pullTask = { status: 'active' }
    this.#pushTask = { status: 'active' }
    this.#running = true
    log.info(`Layer ${iden}: sync starts at offset ${offset}`)
    this.#tasks = [
      this.#task('pull', () => this.#pull()),
      this.#task('push', () => this.#translate()),
      this.#task('push', () => this.#push()),
    ]
  }

  /** Forgets everything in memory and reads from an offset on. */
  #goTo(offset: number): void {
    this.#epoch++
    this.#queue = new SpliceQueue()
    this.#translation = this.#newTranslation(offset)
    this.#ready = []
    this.#batch = null
    this.#readOffset = offset
    this.#heldOffset = offset
    this.#ends = []
    this.#pushOffset = offset
    this.#nap.abort(END)
    this.#acknowledged.notify()
  }

  /** Shows why the layer was not started again. */
  halted(message: string): void {
    this.#pullTask = { status: 'cancelled' }
    this.#pushTask = { status: 'exception', message }
    this.#caughtUp.reject(new Error(`Layer ${this.iden} does not run: ${message}`))
  }

  /** Lets a push that is under way be acknowledged, ends the tasks and closes the connections; says whether there was anything to end. */
  async stop(): Promise<boolean> {
    if (this.#tasks.length === 0) return false
    const { clock } = this.#parts
    this.#soft.abort(END)
    const ended = Promise.all(this.#tasks)
    const timer = new AbortController()
    await Promise.race([ended, clock.sleep(GRACE_MS, timer.signal)])
    timer.abort(END)
    this.#hard.abort(END)
    await ended
    this.#tasks = []
    await this.#lastWrite
    return true
  }

  /** Applies the recorded errors of a running layer again between two pushes. */
  retry(): Promise<RetryResult> {
    this.#retryWanted ??= deferred()
    this.#translated.notify()
    return this.#retryWanted.promise
  }

  /** The same for a layer that does not run, over connections of its own. */
  async retryStopped(): Promise<RetryResult> {
    const layer = await this.#parts.dest.openLayer(this.iden)
    this.#soft = new AbortController()
    this.#hard = new AbortController()
    try {
      this.#pushOffset = this.#parts.store.pushOffset(this.iden)
      this.#settledOffset = this.#parts.store.settledOffset(this.iden)
      return await this.#retryRecorded(layer)
    } finally {
      await layer.close()
    }
  }

  state(): LayerState {
    const { store, iden, clock } = this.#parts
    const now = clock.now()
    const isIdle = this.#tasks.length === 0 && this.#pullTask.status === 'none'
    const pushOffset = isIdle ? store.pushOffset(iden) : this.#pushOffset
    const tip = this.#sourceTip
    const lagSplices = tip === null ? null : Math.max(0, tip - pushOffset)
    return {
      iden,
      pullStatus: this.#pullTask.status === 'active' || isIdle ? this.#pullStatus : 'stopped',
      pullOffset: isIdle ? store.pullOffset(iden) : this.#readOffset,
      pushOffset,
      inFlight: this.#batch === null ? 0 : this.#batch.endOffset - this.#batch.offset,
      sourceTip: tip,
      queue: isIdle ? null : { finished: !this.#running, length: this.#running ? this.#readOffset - pushOffset : 0 },
      pullTask: this.#pullTask,
      pushTask: this.#pushTask,
      pullStartedAt: this.#pullStartedAt,
      pushConnectedAt: this.#pushConnectedAt,
      errorCount: store.errorCount(iden),
      lagSplices,
      lagSeconds: lagSplices === 0 ? 0 : this.#lagSeconds(now),
      rate: this.#rate.perSecond(now, this.#pushedTotal),
      pushedTotal: this.#pushedTotal,
      notes: [this.#pullTrouble, this.#pushTrouble, this.#beyondEnd].filter((note) => note !== null),
    }
  }

  #newTranslation(offset: number): Translation {
    return new Translation(
      () => this.#parts.dest.model,
      offset,
      (translated) => {
        this.#ready.push(translated)
        this.#translated.notify()
      },
    )
  }

  // --- tasks ------------------------------------------------------------------------------------------------------------

  async #task(kind: 'pull' | 'push', run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      const stopped = error instanceof Stopped
      const state: TaskState = stopped
        ? { status: 'cancelled' }
        : { status: 'exception', message: (error as Error).message }
      this.#end(kind, state)
      if (!stopped) this.#parts.log.error(`Layer ${this.iden}: the sync has ended: ${(error as Error).message}`, error)
    }
  }

  #end(kind: 'pull' | 'push', state: TaskState): void {
    // The task that fails first says why; those that it takes along are cancelled.
    if (kind === 'pull' && this.#pullTask.status === 'active') this.#pullTask = state
    if (kind === 'push' && this.#pushTask.status === 'active') this.#pushTask = state
    this.#running = false
    this.#soft.abort(END)
    if (state.status === 'exception') this.#hard.abort(END)
    const why = state.status === 'exception' ? state.message : 'it was stopped'
    this.#caughtUp.reject(new Error(`Layer ${this.iden} ended before it was in sync: ${why}`))
    this.#retryWanted?.reject(new Error(`Layer ${this.iden} ended before its errors were applied: ${why}`))
    this.#retryWanted = null
  }

  /** Keeps a layer of a Cortex open and works with it (`link` is aborted when its connection ends); connects again after whatever is no error of the data. */
  async #keepOpen(
    signal: AbortSignal,
    open: () => Promise<RemoteLayer>,
    work: (layer: RemoteLayer, link: AbortSignal, worked: () => void) => Promise<void>,
    failed: (message: string, refused: boolean) => void,
  ): Promise<never> {
    const { clock, random } = this.#parts
    const links = new Backoff(random, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    const refusals = new Backoff(random, REFUSED_PAUSE_MS, LONGEST_PAUSE_MS)
    const worked = () => {
      links.reset()
      refusals.reset()
    }
    for (;;) {
      try {
        await this.#withLayer(signal, open, (layer, link) => work(layer, link, worked))
      } catch (error) {
        if (signal.aborted || error instanceof Stopped) throw new Stopped()
        if (error instanceof ErrorLimit) throw error
        const refused = sortFailure(error) === 'refused'
        failed((error as Error).message, refused)
        await clock.sleep((refused ? refusals : links).nextMs(), signal)
        if (signal.aborted) throw new Stopped()
      }
    }
  }

  async #withLayer(
    signal: AbortSignal,
    open: () => Promise<RemoteLayer>,
    work: (layer: RemoteLayer, link: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const opening = open()
    let layer: RemoteLayer
    try {
      layer = await untilStopped(opening, signal)
    } catch (error) {
      if (error instanceof Stopped) opening.then((late) => late.close()).catch(() => {})
      throw error
    }
    const link = new AbortController()
    layer.closed.then(() => link.abort(END))
    // Whatever waits for the peer then fails at once.
    const close = () => {
      link.abort(END)
      layer.close().catch(() => {})
    }
    signal.addEventListener('abort', close)
    try {
      await work(layer, link.signal)
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  // --- reading ----------------------------------------------------------------------------------------------------------

  #pull(): Promise<never> {
    const { source } = this.#parts
    return this.#keepOpen(
      this.#soft.signal,
      () => source.openLayer(this.iden),
      (layer, link, worked) => this.#read(layer, link, worked),
      (message, refused) => {
        this.#pullStatus = refused ? 'auth_err' : 'connect_err'
        this.#pullTrouble = `The source cannot be read now: ${message}`
        this.#parts.log.warn(`Layer ${this.iden}: ${this.#pullTrouble}`)
      },
    )
  }

  async #read(layer: RemoteLayer, link: AbortSignal, worked: () => void): Promise<void> {
    const { clock, config } = this.#parts
    let isLive = false
    let pauseMs = FIRST_POLL_MS
    link.addEventListener('abort', () => this.#nap.abort(END))
    this.#forgetHeld()
    await this.#checkBeyondEnd(layer)
    for (;;) {
      const size = await this.#room(layer)
      // A poll that finds nothing new leaves a layer up to date.
      if (!isLive || this.#pullStatus !== 'up_to_date')
        this.#pullStatus = isLive ? 'reading_at_live' : 'reading_catchup'
      const startedAt = clock.now()
      this.#pullStartedAt = startedAt
      const got = await this.#readSome(layer, size)
      worked()
      this.#pullTrouble = null
      isLive = got !== null && got < size
      if (got !== null && got >= size) await this.#searchTip(layer)
      if (got !== null) this.#hold(startedAt)
      if (!isLive) continue
      this.#atEnd(got as number)
      pauseMs = got !== 0 || this.#ends.length > 0 ? FIRST_POLL_MS : Math.min(pauseMs * 2, config.pollS * 1000)
      this.#nap = new AbortController()
      if (!link.aborted) await clock.sleep(Math.min(pauseMs, config.pollS * 1000), this.#nap.signal)
    }
  }

  /** Waits until enough splices of this layer have left the memory, and says how many to read. */
  async #room(layer: RemoteLayer): Promise<number> {
    const { config, clock } = this.#parts
    const signal = this.#soft.signal
    const most = Math.min(READ_SPLICES, Math.ceil(config.queueSize / 2))
    let left: Promise<void> | null = null
    for (;;) {
      const room = config.queueSize - (this.#readOffset - this.#pushOffset)
      if (room >= most) return Math.min(room, READ_SPLICES)
      // One wait for all rounds: a destination may be away for days.
      left ??= untilStopped(this.#acknowledged.wait(), signal).finally(() => {
        left = null
      })
      if (this.#ends.length === 0) {
        await left
        continue
      }
      // Full of splices that are held back: nothing is read that would let them through.
      const timer = new AbortController()
      await Promise.race([left.then(() => timer.abort(END)), clock.sleep(HOLD_MS, timer.signal)])
      const startedAt = clock.now()
      await has(layer, this.#readOffset)
      this.#hold(startedAt)
    }
  }

  /** Reads up to `size` splices and says how many came; null when they are not wanted any more. */
  async #readSome(layer: RemoteLayer, size: number): Promise<number | null> {
    const { store, log, config } = this.#parts
    const epoch = this.#epoch
    let got = 0
    for await (const splice of layer.splices(this.#readOffset, size)) {
      if (this.#soft.signal.aborted) throw new Stopped()
      if (epoch !== this.#epoch) return null
      if (this.#pullStatus === 'up_to_date') this.#pullStatus = 'reading_at_live'
      this.#queue.push(splice)
      this.#readOffset++
      if (config.offsLogging > 0 && this.#readOffset % config.offsLogging === 0) {
        log.info(`Layer ${this.iden}: read up to offset ${this.#readOffset}`)
      }
      // A source that ignores the size would fill the memory.
      if (++got > size) break
    }
    if (epoch !== this.#epoch) return null
    this.#write(store.setPullOffset(this.iden, this.#readOffset))
    this.#sourceTip = Math.max(this.#sourceTip ?? 0, this.#readOffset)
    return got
  }

  /**
   * Lets through what a later splice is long enough younger than, by the source's own clock, or what was read long before the
   * source answered again.
   */
  #hold(answeredAt: number): void {
    const from = this.#translation.nextOffset
    const isTipAhead = this.#tipSeen.offset > this.#readOffset
    const newest = isTipAhead ? this.#tipSeen.time : this.#timeOf(this.#queue.at(this.#readOffset - 1 - from))
    // One by one, as a clock that was put back leaves times out of order.
    while (this.#heldOffset < this.#readOffset) {
      const isOld = this.#timeOf(this.#queue.at(this.#heldOffset - from)) <= newest - OLD_MS
      if (!isOld) break
      this.#heldOffset++
    }
    if (this.#readOffset > Math.max(this.#heldOffset, this.#ends.at(-1)?.offset ?? 0)) {
      this.#ends.push({ offset: this.#readOffset, at: this.#parts.clock.now() })
    }
    while (
      this.#ends.length > 0 &&
      (this.#ends[0].offset <= this.#heldOffset || this.#ends[0].at <= answeredAt - HOLD_MS)
    ) {
      this.#heldOffset = Math.max(this.#heldOffset, (this.#ends.shift() as { offset: number }).offset)
    }
    this.#arrived.notify()
  }

  /** When the source wrote a splice, by its clock; NaN when that is not known. */
  #timeOf(splice: RawSplice | undefined): number {
    const reader = this.#spliceReader
    if (splice === undefined || reader.read(splice, 0, splice.length) !== null || reader.timeStart < 0)
      return Number.NaN
    const time = decode(splice, reader.timeStart, reader.timeEnd)
    return typeof time === 'number' ? time : Number.NaN
  }

  /** A source that was away may have lost its newest splices, and have others in their place by now. */
  #forgetHeld(): void {
    this.#ends = []
    this.#tipSeen = NO_TIP
    this.#tipSearchedAt = Number.NEGATIVE_INFINITY
    if (this.#readOffset === this.#heldOffset) return
    this.#queue.truncate(this.#heldOffset - this.#translation.nextOffset)
    this.#readOffset = this.#heldOffset
    this.#sourceTip = null
    this.#endSeen = null
  }

  /** The source has no more splices for now. */
  #atEnd(got: number): void {
    this.#sourceTip = this.#readOffset
    this.#endSeen = this.#readOffset
    if (got === 0) this.#pullStatus = 'up_to_date'
    this.#noteCaughtUp()
  }

  /** A log that ends before our offset was truncated or restored from an older backup: nothing would ever come. */
  async #checkBeyondEnd(layer: RemoteLayer): Promise<void> {
    if (this.#readOffset === 0 || this.#beyondEnd !== null || (await has(layer, this.#readOffset - 1))) return
    this.#beyondEnd = `The source's splice log ends before offset ${this.#readOffset}: it was restored from an older backup, or the offset is wrong`
    this.#parts.log.warn(`Layer ${this.iden}: ${this.#beyondEnd}`)
  }

  /** Finds the end of the source's log by halving, as 0.1.x has no call that tells it. */
  async #searchTip(layer: RemoteLayer): Promise<void> {
    const { clock } = this.#parts
    if (clock.now() - this.#tipSearchedAt < TIP_MS) return
    this.#tipSearchedAt = clock.now()
    let low = this.#readOffset
    let step = READ_SPLICES
    while (await has(layer, low + step - 1)) {
      low += step
      step *= 2
    }
    let high = low + step - 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (await has(layer, middle)) low = middle + 1
      else high = middle
    }
    this.#sourceTip = low
    for await (const last of layer.splices(low - 1, 1)) this.#tipSeen = { offset: low, time: this.#timeOf(last) }
  }

  // --- translating ------------------------------------------------------------------------------------------------------

  async #translate(): Promise<never> {
    const signal = this.#soft.signal
    const { dest, clock } = this.#parts
    // No stortypes are known before.
    await dest.ready(signal)
    for (let turn = 1; ; turn++) {
      if (signal.aborted) throw new Stopped()
      if (turn % TURN_SPLICES === 0) await clock.yield()
      if (this.#modelVersion !== dest.modelVersion) {
        this.#modelVersion = dest.modelVersion
        this.#translation.modelChanged()
      }
      const splice = this.#translation.nextOffset < this.#heldOffset ? this.#queue.peek() : undefined
      if (this.#ready.length >= MOST_READY) await untilStopped(this.#acknowledged.wait(), signal)
      else if (splice === undefined) await this.#waitForSplices()
      else if (this.#translation.add(splice, (failure) => this.#isFinal(failure))) this.#queue.shift()
      else await this.#freshenModel(splice)
    }
  }

  async #waitForSplices(): Promise<void> {
    const signal = this.#soft.signal
    const arrival = untilStopped(this.#arrived.wait(), signal)
    if (!this.#translation.isOpen) return arrival
    const linger = new AbortController()
    await Promise.race([arrival.finally(() => linger.abort(END)), this.#parts.clock.sleep(LINGER_MS, linger.signal)])
    if (this.#translation.nextOffset >= this.#heldOffset) this.#translation.flush()
  }

  /** What the model does not know is an error only when a newer model does not know it either. */
  #isFinal(failure: SpliceFailure): boolean {
    const isUnknown =
      failure.code === 'unknown-form' || failure.code === 'unknown-prop' || failure.code === 'unknown-tagprop'
    if (!isUnknown || failure.oldModel) return true
    this.#unknown = `${failure.code} ${failure.subject}`
    const checkedAt = this.#checked.get(this.#unknown)
    return checkedAt !== undefined && this.#parts.clock.now() - checkedAt < RECHECK_MS
  }

  #unknown = ''

  async #freshenModel(splice: RawSplice): Promise<void> {
    const signal = this.#soft.signal
    const { dest, clock, random, log } = this.#parts
    const subject = this.#unknown
    const pauses = new Backoff(random, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    log.debug(`Layer ${this.iden}: ${subject} is not in the model (splice of ${splice.length} bytes)`)
    for (;;) {
      try {
        await dest.ready(signal)
        if (await untilStopped(dest.freshenModel(), signal)) break
      } catch (error) {
        if (error instanceof Stopped) throw error
        sortFailure(error)
        if (pauses.failures >= MODEL_ATTEMPTS) break
      }
      await clock.sleep(pauses.nextMs(), signal)
      if (signal.aborted) throw new Stopped()
    }
    this.#checked.set(subject, clock.now())
  }

  // --- pushing ----------------------------------------------------------------------------------------------------------

  #push(): Promise<never> {
    const { dest } = this.#parts
    return this.#keepOpen(
      this.#hard.signal,
      () => dest.openLayer(this.iden),
      (layer, link, worked) => this.#pushOver(layer, link, worked),
      (message) => {
        this.#pushTrouble = `The destination cannot be written to now: ${message}`
        this.#parts.log.warn(`Layer ${this.iden}: ${this.#pushTrouble}`)
      },
    )
  }

  async #pushOver(layer: RemoteLayer, link: AbortSignal, worked: () => void): Promise<void> {
    const { dest, clock } = this.#parts
    link.addEventListener('abort', () => this.#translated.notify())
    await dest.ready(this.#soft.signal)
    await this.#rewind(layer)
    this.#pushConnectedAt = clock.now()
    this.#pushTrouble = null
    try {
      await this.#pushReady(layer, link, worked)
    } finally {
      this.#lostAt = clock.now()
    }
  }

  async #pushReady(layer: RemoteLayer, link: AbortSignal, worked: () => void): Promise<void> {
    const { clock } = this.#parts
    for (;;) {
      if (this.#soft.signal.aborted) throw new Stopped()
      if (this.#retryWanted !== null) {
        const result = await this.#retryRecorded(layer)
        this.#retryWanted?.resolve(result)
        this.#retryWanted = null
      }
      const { last } = this.#marks
      const isNew = last.offset !== this.#pushOffset
      if (isNew && (this.#ready.length === 0 || clock.now() - last.at >= MARK_MS)) await this.#mark(layer)
      this.#batch ??= this.#takeBatch()
      if (this.#batch === null) {
        await this.#waitForTranslated(layer)
        if (link.aborted) throw new LinkDown('the connection was closed')
        continue
      }
      const errors = await this.#store(layer, this.#batch)
      worked()
      this.#acknowledge(this.#batch, errors)
      this.#batch = null
    }
  }

  async #waitForTranslated(layer: RemoteLayer): Promise<void> {
    const more = untilStopped(this.#translated.wait(), this.#soft.signal)
    if (this.#settledOffset === this.#pushOffset) return more
    const timer = new AbortController()
    let isMore = false
    const watched = more.finally(() => {
      isMore = true
      timer.abort(END)
    })
    await Promise.race([watched, this.#parts.clock.sleep(COMMIT_MS, timer.signal)])
    if (!isMore) await this.#mark(layer)
  }

  /** Asks how far the destination's log goes, and notes durably how much need not be pushed again after a restart. */
  async #mark(layer: RemoteLayer): Promise<void> {
    const { store, clock } = this.#parts
    const at = clock.now()
    this.#marks.add(at, this.#pushOffset, await layer.editIndex())
    const settled = this.#marks.settledOffset
    if (settled === this.#settledOffset) return
    this.#settledOffset = settled
    this.#write(store.advance(this.iden, this.#pushOffset, [], settled))
  }

  /** Pushes again what a destination that was restarted may have lost although it had acknowledged it. */
  async #rewind(layer: RemoteLayer): Promise<void> {
    const { dest, log } = this.#parts
    if (this.#connection === dest.connection || this.#connection === 0) {
      this.#connection = dest.connection
      return
    }
    const offset = this.#marks.rewind(await layer.editIndex(), this.#lostAt)
    this.#connection = dest.connection
    if (offset >= this.#pushOffset) return
    log.info(
      `Layer ${this.iden}: goes back from offset ${this.#pushOffset} to ${offset}, as the destination may have lost what is between`,
    )
    this.#goTo(offset)
  }

  /** The next pieces of equal meta. */
  #takeBatch(): Batch | null {
    const items: Translated[] = []
    let meta: Uint8Array | null = null
    let edits = 0
    let bytes = 0
    for (const item of this.#ready) {
      if (item.nodeEdit !== null) {
        if (meta !== null && !sameBytes(meta, item.meta)) break
        meta = item.meta
        edits++
        bytes += item.nodeEdit.length
      }
      items.push(item)
      if (edits === MOST_EDITS || bytes >= MOST_BYTES || items.length === MOST_READY) break
    }
    if (items.length === 0) return null
    this.#ready.splice(0, items.length)
    return { items, offset: items[0].offset, endOffset: items[items.length - 1].endOffset }
  }

  /** Pushes a batch; what remains is an error per splice. */
  async #store(layer: RemoteLayer, { items }: Batch): Promise<SyncError[]> {
    const errors = items.flatMap(({ failures }) => failures.map((failure) => this.#errorOf(failure)))
    const edits = items.filter(({ nodeEdit }) => nodeEdit !== null)
    if (edits.length === 0 || (edits.length > 1 && (await this.#storeTogether(layer, edits)))) return errors
    for (const item of edits) errors.push(...(await this.#storeItem(layer, item)))
    return errors.sort((a, b) => a.offset - b.offset)
  }

  /** Says whether all went well; else some of the edits may have been stored, and storing them again changes nothing. */
  async #storeTogether(layer: RemoteLayer, items: readonly Translated[]): Promise<boolean> {
    const packed = packNodeEdits(items.map(({ nodeEdit }) => nodeEdit as Uint8Array))
    return (await this.#storeRaw(layer, packed, items[0].meta)) === null
  }

  /** Pushes one node edit; when it is refused, splice by splice, so that only those are lost that cannot be stored. */
  async #storeItem(layer: RemoteLayer, item: Translated): Promise<SyncError[]> {
    const packed = packNodeEdits([item.nodeEdit as Uint8Array])
    const refusal = await this.#storeRaw(layer, packed, item.meta)
    if (refusal === null) return []
    if (item.splices.length === 1) return [this.#refused(item.splices[0], refusal, packed, item.meta)]
    const errors: SyncError[] = []
    for (const splice of item.splices) errors.push(...(await this.#storeSplice(layer, splice)))
    return errors
  }

  /** Translates and pushes one splice by itself. */
  async #storeSplice(layer: RemoteLayer, { offset, splice }: OffsetSplice): Promise<SyncError[]> {
    const errors: SyncError[] = []
    const found: Translated[] = []
    const translation = new Translation(
      () => this.#parts.dest.model,
      offset,
      (translated) => found.push(translated),
    )
    translation.add(splice, () => true)
    translation.flush()
    for (const { nodeEdit, meta, failures } of found) {
      errors.push(...failures.map((failure) => this.#errorOf(failure)))
      if (nodeEdit === null) continue
      const packed = packNodeEdits([nodeEdit])
      const refusal = await this.#storeRaw(layer, packed, meta)
      if (refusal !== null) errors.push(this.#refused({ offset, splice }, refusal, packed, meta))
    }
    return errors
  }

  /** Null, or why the destination cannot store the edits; throws when they are not to blame. */
  async #storeRaw(layer: RemoteLayer, nodeedits: Uint8Array, meta: Uint8Array): Promise<string | null> {
    try {
      await layer.storNodeEditsNoLift(nodeedits, meta)
      return null
    } catch (error) {
      if (sortFailure(error) !== 'data') throw error
      return (error as Error).message
    }
  }

  #refused({ offset, splice }: OffsetSplice, message: string, nodeedits: Uint8Array, meta: Uint8Array): SyncError {
    const text = `The destination cannot store the edit: ${message}`
    return { layer: this.iden, offset, endOffset: offset + 1, message: text, splices: [splice], nodeedits, meta }
  }

  #errorOf({ offset, message, splice }: SpliceFailure): SyncError {
    return { layer: this.iden, offset, endOffset: offset + 1, message, splices: [splice], nodeedits: null, meta: null }
  }

  // --- acknowledging ----------------------------------------------------------------------------------------------------

  /** @throws {ErrorLimit} */
  #acknowledge(batch: Batch, errors: SyncError[]): void {
    const { store, config, clock, log } = this.#parts
    const most = config.errLim === -1 ? Number.POSITIVE_INFINITY : config.errLim - this.#errorsSinceStart
    // A splice that is pushed again after a rewind and fails again is no new error.
    let fresh = 0
    const last = errors.findIndex(({ offset }) => !this.#failedSinceStart.has(offset) && ++fresh >= most)
    const isOver = last >= 0
    const recorded = isOver ? errors.slice(0, last + 1) : errors
    for (const { offset } of recorded) this.#failedSinceStart.add(offset)
    const endOffset = isOver ? recorded[recorded.length - 1].offset : batch.endOffset
    for (const { offset, message } of recorded) log.warn(`Layer ${this.iden}: offset ${offset}: ${message}`)
    this.#write(store.advance(this.iden, endOffset, recorded, this.#settledOffset))
    this.#forgetCured(batch.offset, endOffset, recorded)
    this.#errorsSinceStart += fresh
    this.#pushedTotal += endOffset - this.#pushOffset
    this.#pushOffset = endOffset
    this.#rate.add(clock.now(), this.#pushedTotal)
    this.#acknowledged.notify()
    this.#noteCaughtUp()
    if (isOver) {
      this.#write(store.setHalted(this.iden))
      throw new ErrorLimit(
        `Error limit reached: ${this.#errorsSinceStart} splices of layer ${this.iden} could not be applied, the last at offset ${endOffset}: cure the cause or raise err_lim, then start from last`,
      )
    }
  }

  /** Splices that could be applied this time are errors no more. */
  #forgetCured(offset: number, endOffset: number, recorded: readonly SyncError[]): void {
    if (this.#openErrors.size === 0 && recorded.length === 0) return
    const failed = new Set(recorded.map((error) => error.offset))
    for (const open of [...this.#openErrors]) {
      if (open < offset || open >= endOffset || failed.has(open)) continue
      this.#openErrors.delete(open)
      this.#write(this.#parts.store.removeError(this.iden, open))
    }
    for (const open of failed) this.#openErrors.add(open)
  }

  #noteCaughtUp(): void {
    if (this.#endSeen !== null && this.#pushOffset >= this.#endSeen) this.#caughtUp.resolve()
  }

  /** Durable state that cannot be written ends the layer. */
  #write(written: Promise<void>): void {
    this.#lastWrite = written.catch((error) => {
      const message = `Cannot store the state of the sync: ${(error as Error).message}`
      this.#end('push', { status: 'exception', message })
      this.#parts.log.error(`Layer ${this.iden}: ${message}`, error)
    })
  }

  // --- recorded errors --------------------------------------------------------------------------------------------------

  /**
   * Applies the recorded splices before the push offset again, and in order with them all later splices of their nodes up
   * to there: an old value must not win over a newer one.
   */
  async #retryRecorded(dest: RemoteLayer): Promise<RetryResult> {
    const { store, source, dest: destPeer, clock } = this.#parts
    const records = [...store.errors(this.iden)].filter(({ offset }) => offset < this.#pushOffset)
    if (records.length === 0) return { applied: 0, failed: 0 }
    await destPeer.reloadModel()
    const ndefs = new Set(records.flatMap(({ splices }) => splices.map((splice) => this.#ndefOf(splice))))
    ndefs.delete(null)
    const done = new Set<number>()
    await this.#withLayer(
      this.#hard.signal,
      () => source.openLayer(this.iden),
      async (layer) => {
        let offset = records[0].offset
        for await (const splice of layer.splices(offset, this.#pushOffset - offset)) {
          if (this.#soft.signal.aborted) throw new Stopped()
          if (ndefs.has(this.#ndefOf(splice))) {
            const errors = await this.#storeSplice(dest, { offset, splice })
            if (errors.length === 0) done.add(offset)
            else if (this.#openErrors.has(offset))
              this.#write(store.advance(this.iden, this.#pushOffset, errors, this.#settledOffset))
          }
          offset++
        }
      },
    )
    // A record goes only when its splices are committed, not just acknowledged.
    await clock.sleep(COMMIT_MS, this.#hard.signal)
    await dest.editIndex()
    let applied = 0
    for (const { offset, endOffset } of records) {
      let isDone = true
      for (let at = offset; at < endOffset; at++) isDone &&= done.has(at)
      if (!isDone) continue
      applied++
      this.#openErrors.delete(offset)
      this.#write(store.removeError(this.iden, offset))
    }
    await this.#lastWrite
    return { applied, failed: records.length - applied }
  }

  #ndefOf(splice: RawSplice): string | null {
    const reader = this.#spliceReader
    if (reader.read(splice, 0, splice.length) !== null) return null
    return Buffer.from(splice.subarray(reader.ndefStart, reader.ndefEnd)).toString('latin1')
  }

  /** Age of the oldest splice in memory that is not acknowledged. */
  #lagSeconds(now: number): number | null {
    const items = this.#batch?.items ?? this.#ready
    const oldest = items[0]?.splices[0]?.splice ?? this.#queue.peek()
    const time = this.#timeOf(oldest)
    return Number.isNaN(time) ? null : Math.max(0, (now - time) / 1000)
  }
}

async function has(layer: RemoteLayer, offset: number): Promise<boolean> {
  let found = false
  // Read to its end, as leaving a generator early costs its connection.
  for await (const _ of layer.splices(offset, 1)) found = true
  return found
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** Nobody may be waiting for it. */
function quiet<T>(made: Deferred<T>): Deferred<T> {
  made.promise.catch(() => {})
  return made
}
