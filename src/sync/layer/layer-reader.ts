import type { PullStatus, RawSplice, RemoteLayer } from '../api.js'
import { END, Stopped, untilStopped } from '../clock.js'
import { HOLD_MS, HoldBack } from './hold-back.js'
import { keepOpen, LayerFailure } from './keep-open.js'
import type { LayerCounters } from './layer-counters.js'
import type { LayerLedger } from './layer-ledger.js'
import type { LayerParts } from './layer-parts.js'
import type { LayerPipe } from './layer-pipe.js'
import { NodeWatch } from './node-watch.js'
import { Poll } from './poll.js'
import { digestOf, timeOf } from './splice-facts.js'

/**
 * How many splices to ask for at once: few enough that the source's scan is short, many enough to hide the round trip.
 */
const READ_SPLICES = 10_000
/** The assumed size of a splice before we have seen one. */
const FIRST_SPLICE_BYTES = 1 << 10
/** What each layer may keep in memory even when the other layers have filled it. */
const LAYER_BYTES = 256 << 10
/** The first pause between two polls of a source without news; it doubles up to `poll_s`. */
const FIRST_POLL_MS = 500
/** How often to search the end of the source's log while catching up. */
const TIP_MS = 30_000

/** How many splices before the start to check: their nodes must be at the destination. */
const WATCHED_SPLICES = 1_000

/** The "digest" of a missing splice; no real one equals it. */
const NO_SPLICE = 'none'

/** What the reader shares with the other tasks of its layer. */
export interface ReaderParts {
  readonly layer: LayerParts
  readonly pipe: LayerPipe
  readonly ledger: LayerLedger
  readonly counters: LayerCounters
  readonly signal: AbortSignal
  /** Whether the destination is there and was compared. */
  readonly isDestReady: () => boolean
}

/** Reads the splices of one layer, works ahead within `queueSize`, and polls for more. */
export class LayerReader {
  private readonly parts: ReaderParts
  private readonly hold: HoldBack
  readonly watch: NodeWatch
  readonly poll: Poll
  /** Whether the last read was cut short because the memory was full. */
  private wasCut = false
  private spliceBytes = FIRST_SPLICE_BYTES
  private tipSearchedAt = Number.NEGATIVE_INFINITY
  status: PullStatus | null = null
  /** The offset after the source's last splice, as far as we know. */
  sourceTip: number | null = null
  /** Why we cannot read the source now, one sentence. */
  trouble: string | null = null
  /**
   * When the current connection was made, epoch ms; and whether a splice was written since, which proves that splices
   * are on.
   */
  connectedAt: number | null = null
  isChanged = false
  private isWatching = false

  constructor(parts: ReaderParts) {
    this.parts = parts
    this.hold = new HoldBack(parts.pipe, parts.layer.clock)
    this.poll = new Poll(parts.layer.clock)
    this.watch = new NodeWatch(parts.layer)
  }

  async run(): Promise<never> {
    const { source } = this.parts.layer
    source.unlooked++
    try {
      return await this.keepReading()
    } finally {
      if (!this.isWatching) source.unlooked--
    }
  }

  private keepReading(): Promise<never> {
    const { layer, signal } = this.parts
    return keepOpen(layer, signal, {
      open: () => layer.source.openLayer(layer.iden),
      work: (remote, link, worked) => this.read(remote, link, worked),
      failed: (message, refused) => {
        this.status = refused ? 'auth_err' : 'connect_err'
        this.poll.failed()
        this.connectedAt = null
        this.isChanged = false
        const trouble = `The source cannot be read now: ${message}`
        if (trouble !== this.trouble) layer.log.warn(`Layer ${layer.iden}: ${trouble}`)
        this.trouble = trouble
      },
    })
  }

  /** Called when the pipe has gone back: forgets what it has seen, and reads on at once. */
  goneBack(): void {
    this.hold.forget()
    this.hold.heldSplice = null
    this.poll.wake()
  }

  /** Reads to the source's end now, if the source can be read and the end is near. */
  ask(askedAt: number, signal: AbortSignal): Promise<void> {
    const { signal: ended } = this.parts
    const canAnswer = () => !ended.aborted && (this.status === 'up_to_date' || this.status === 'reading_at_live')
    return this.poll.ask(askedAt, canAnswer, signal)
  }

  private async read(remote: RemoteLayer, link: AbortSignal, worked: () => void): Promise<void> {
    const { layer, pipe, counters } = this.parts
    const { clock, config } = layer
    let isLive = false
    let pauseMs = FIRST_POLL_MS
    link.addEventListener('abort', () => this.poll.wake())
    this.connectedAt = clock.now()
    this.isChanged = false
    await this.checkLog(remote)
    await this.beginWatch(remote)
    for (;;) {
      const size = await this.room(remote)
      // A poll without news leaves an up-to-date layer up to date.
      if (!isLive || this.status !== 'up_to_date') this.status = isLive ? 'reading_at_live' : 'reading_catchup'
      const began = { elapsedMs: clock.elapsed(), epochMs: clock.now() }
      counters.readAt = began.epochMs
      const { sourceTip: tip } = this
      const got = await this.readSome(remote, size)
      worked()
      this.trouble = null
      // After the pipe has gone back, we read splices again that are not new.
      if (isLive && got !== null && tip !== null && pipe.frontier.read > tip) this.isChanged = true
      isLive = got !== null && got < size && !this.wasCut
      if (got !== null && got >= size) await this.searchTip(remote)
      if (got !== null) this.hold.letThrough(began.elapsedMs)
      if (!isLive) continue
      this.sourceTip = pipe.frontier.read
      if (got === 0) this.status = 'up_to_date'
      // Look only once the destination is compared: one that was restored lacks edits that will be pushed again.
      if (got === 0 && pipe.frontier.pushed === pipe.frontier.read && this.parts.isDestReady()) {
        await this.watch.look(remote, this.poll.isAsked)
      }
      this.poll.ended(began)
      pauseMs =
        got !== 0 || this.hold.isHolding || this.watch.isUnsure
          ? FIRST_POLL_MS
          : Math.min(pauseMs * 2, config.pollS * 1000)
      if (!link.aborted) await this.poll.pause(Math.min(pauseMs, config.pollS * 1000))
    }
  }

  /** Waits until enough of this layer's splices have left the memory, and returns how many to read. */
  private async room(remote: RemoteLayer): Promise<number> {
    const { layer, pipe, signal } = this.parts
    const { config, clock } = layer
    const { frontier } = pipe
    const most = Math.min(READ_SPLICES, Math.ceil(config.queueSize / 2))
    let left: Promise<void> | null = null
    for (;;) {
      const room = config.queueSize - (frontier.read - frontier.pushed)
      if (room >= most && !this.isFull) {
        const bytes = Math.max(LAYER_BYTES, layer.budget.limit - layer.budget.used)
        return Math.max(1, Math.min(room, READ_SPLICES, Math.floor(bytes / (2 * this.spliceBytes))))
      }
      // Use one wait for all rounds: a destination may be away for days.
      left ??= untilStopped(layer.budget.freed.wait(), signal).finally(() => {
        left = null
      })
      if (!this.hold.isHolding) {
        await left
        continue
      }
      // The memory may be full of held-back splices. Then we read nothing more that could let them through, so we ask
      // the source again after a while.
      const timer = new AbortController()
      await Promise.race([left.then(() => timer.abort(END)), clock.sleep(HOLD_MS, timer.signal)])
      const startedAt = clock.elapsed()
      await has(remote, frontier.read)
      this.hold.letThrough(startedAt)
    }
  }

  private get isFull(): boolean {
    const { layer, pipe } = this.parts
    return layer.budget.isSpent && pipe.bytes >= LAYER_BYTES
  }

  /** Reads up to `size` splices and returns how many came; null when they are no longer wanted. */
  private async readSome(remote: RemoteLayer, size: number): Promise<number | null> {
    const { layer, pipe, ledger, signal } = this.parts
    const { store, log, config, iden } = layer
    const { frontier } = pipe
    const { epoch } = frontier
    let got = 0
    let bytes = 0
    this.wasCut = false
    for await (const splice of remote.splices(frontier.read, size)) {
      if (signal.aborted) throw new Stopped()
      if (epoch !== frontier.epoch) return null
      if (this.status === 'up_to_date') this.status = 'reading_at_live'
      pipe.read(splice)
      this.watch.saw(timeOf(splice))
      bytes += splice.length
      if (config.offsLogging > 0 && frontier.read % config.offsLogging === 0) {
        log.info(`Layer ${iden}: read up to offset ${frontier.read}`)
      }
      // A source that ignores the size would fill the memory.
      if (++got > size) break
      if (this.isFull && got < size) {
        this.wasCut = true
        break
      }
    }
    if (epoch !== frontier.epoch) return null
    if (got > 0) this.spliceBytes = Math.max(1, Math.ceil(bytes / got))
    ledger.write(store.setPullOffset(iden, frontier.read))
    this.sourceTip = Math.max(this.sourceTip ?? 0, frontier.read)
    return got
  }

  /** A source that was away may have lost its newest splices, and may have others in their place by now. */
  private forgetHeld(): void {
    const { pipe } = this.parts
    const { frontier } = pipe
    this.hold.forget()
    this.tipSearchedAt = Number.NEGATIVE_INFINITY
    if (frontier.read === frontier.held) return
    pipe.truncate(frontier.held)
    this.sourceTip = null
  }

  /**
   * Checks that the source's log is still the one that we read: the splice before what was let through must be the
   * same. A log that was truncated, or restored from an older backup, has none there, or another one once it has grown.
   *
   * @throws {LayerFailure} ERR_SOURCE_CHANGED
   */
  private async checkLog(remote: RemoteLayer): Promise<void> {
    const { layer, pipe, ledger, signal } = this.parts
    const { frontier, marks } = pipe
    this.forgetHeld()
    const { held, epoch } = frontier
    if (held === 0) return
    const { heldSplice } = this.hold
    const expected = heldSplice === null ? (marks.digestAt(held) ?? null) : digestOf(heldSplice)
    const found = await spliceAt(remote, held - 1)
    const digest = found === null ? NO_SPLICE : digestOf(found)
    if (expected === null) {
      // Store it even if there is none: the log may have grown past it by the next start.
      marks.learn(held, { digest })
      ledger.write(layer.store.setAnchors(layer.iden, marks.anchorsUpTo(frontier.settled)))
    }
    if (found !== null && digest === (expected ?? digest)) return
    // The destination may have been restored too. Then the pusher goes back, and both may fit again.
    await untilStopped(pipe.destChecked.promise, signal)
    if (frontier.epoch !== epoch) return this.checkLog(remote)
    throw await this.changed(remote, held, found !== null || expected !== null)
  }

  /** Checks the splices before the first one to read. */
  private async beginWatch(remote: RemoteLayer): Promise<void> {
    const { layer, pipe } = this.parts
    if (this.isWatching) return
    const { held } = pipe.frontier
    const from = Math.max(0, held - WATCHED_SPLICES)
    const times: number[] = []
    for await (const splice of remote.splices(from, Math.max(1, held - from))) times.push(timeOf(splice))
    for (const time of times) this.watch.saw(time)
    const first = times.find((time) => !Number.isNaN(time))
    // When a layer is read from the beginning, everything older than its log came with the migration.
    this.watch.begin(first ?? (held === 0 && times.length === 0 ? 0 : Number.NaN))
    this.isWatching = true
    layer.source.unlooked--
  }

  private async changed(remote: RemoteLayer, held: number, wasOther: boolean): Promise<LayerFailure> {
    if (!wasOther) {
      return new LayerFailure('ERR_SOURCE_CHANGED', `The source's splice log ends before offset ${held}`, {
        hint: 'The offset is of another Cortex, or the source was put back to an older backup: migrate again',
      })
    }
    let same = 0
    for (const { offset, digest } of this.parts.pipe.marks.all) {
      if (offset === 0 || offset >= held || digest === null) continue
      const found = await spliceAt(remote, offset - 1)
      if (found === null || digestOf(found) !== digest) continue
      same = offset
      break
    }
    const where = same === 0 ? '' : ` (up to offset ${same} it does)`
    return new LayerFailure(
      'ERR_SOURCE_CHANGED',
      `The source's splice log no longer holds what was read up to offset ${held}${where}: it was put back to an older backup, or lost its last changes`,
      {
        hint: 'The destination may have changes that the source has not: put it back to a backup of that time and start from last, or migrate again',
      },
    )
  }

  /** Finds the end of the source's log by binary search, because 0.1.x has no call for it. */
  private async searchTip(remote: RemoteLayer): Promise<void> {
    const { layer, pipe } = this.parts
    const { clock } = layer
    if (clock.elapsed() - this.tipSearchedAt < TIP_MS) return
    this.tipSearchedAt = clock.elapsed()
    let low = pipe.frontier.read
    let step = READ_SPLICES
    while (await has(remote, low + step - 1)) {
      low += step
      step *= 2
    }
    let high = low + step - 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (await has(remote, middle)) low = middle + 1
      else high = middle
    }
    this.sourceTip = low
    for await (const last of remote.splices(low - 1, 1)) this.hold.sawTip(low, timeOf(last))
  }
}

async function has(remote: RemoteLayer, offset: number): Promise<boolean> {
  return (await spliceAt(remote, offset)) !== null
}

async function spliceAt(remote: RemoteLayer, offset: number): Promise<RawSplice | null> {
  let found: RawSplice | null = null
  // Read to the end, because leaving a generator early costs its connection.
  for await (const splice of remote.splices(offset, 1)) found ??= splice
  return found
}
