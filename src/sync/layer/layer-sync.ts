import { MigrationError } from '../../errors.js'
import type { LayerState, TaskState } from '../api.js'
import { EditPusher } from './edit-pusher.js'
import { Frontier } from './frontier.js'
import { LayerFailure } from './keep-open.js'
import { LayerCounters } from './layer-counters.js'
import { LayerLedger } from './layer-ledger.js'
import type { LayerParts } from './layer-parts.js'
import { LayerRun } from './layer-run.js'
import { type RetryResult, retryRecorded } from './retry.js'
import { timeOf } from './splice-facts.js'

const NO_TASK: TaskState = { status: 'none' }

/**
 * Moves the splices of one layer whenever it is started (`LayerRun`). Node edits go in order, one push at a time. The
 * push offset follows the destination's acknowledgements. A push with unknown outcome is repeated, which leads to the
 * same nodes.
 */
export class LayerSync {
  readonly iden: string
  private readonly parts: LayerParts
  private readonly counters = new LayerCounters()
  private run: LayerRun | null = null
  /** Why it was not started again. */
  private haltedBy: string | null = null

  constructor(parts: LayerParts) {
    this.iden = parts.iden
    this.parts = parts
  }

  get isRunning(): boolean {
    return this.run?.isRunning === true
  }

  /** Whether this process has started it, or would have; others are those of an earlier start. */
  get isWanted(): boolean {
    return this.run !== null || this.haltedBy !== null
  }

  /** Why it is not running; null when it is. */
  get failure(): Error | null {
    if (this.isRunning) return null
    if (this.haltedBy !== null)
      return new LayerFailure('ERR_ERROR_BUDGET', `Layer ${this.iden} does not run: ${this.haltedBy}`)
    const failure = this.run?.failure ?? null
    const text = `Layer ${this.iden} ended before it was in sync: ${failure?.message ?? 'it was stopped'}`
    const hint = failure instanceof MigrationError && failure.hint !== undefined ? { hint: failure.hint } : {}
    const code = failure instanceof MigrationError ? failure.code : failure === null ? 'ERR_USAGE' : 'ERR_INTERNAL'
    return new MigrationError(code, text, { cause: failure, ...hint })
  }

  /** Makes the layer read to its source's end now, if it can. `isPolledSince()` tells whether it did. */
  async ask(askedAt: number, signal: AbortSignal): Promise<void> {
    if (this.isRunning) await this.run?.reader.ask(askedAt, signal)
  }

  /** Why we cannot look for nodes without splices. */
  get unwatched(): string | null {
    return this.run?.reader.watch.trouble ?? null
  }

  /** When the source's connection was made, and whether a splice was written since. */
  get sourceLink(): { readonly connectedAt: number | null; readonly isChanged: boolean } {
    const reader = this.isRunning ? this.run?.reader : undefined
    return { connectedAt: reader?.connectedAt ?? null, isChanged: reader?.isChanged ?? false }
  }

  /** Whether the destination does not say how long its log of node edits is. */
  get isBlind(): boolean {
    const { run } = this
    return this.isRunning && run?.pusher.isCompared === true && (run.pipe.marks.last.index ?? 0) === 0
  }

  isPolledSince(askedAt: number): boolean {
    const { reader, pusher } = this.run ?? {}
    // While the destination is away, that alone blocks the cut-over.
    const isWatched = pusher?.trouble !== null || reader?.watch.isSince(askedAt) === true
    return reader?.poll.isSince(askedAt) === true && isWatched
  }

  /** Starts at an offset. `retry` applies the recorded errors before it first. The last run must have stopped. */
  start(offset: number, retry = false): void {
    this.haltedBy = null
    this.parts.log.info(`Layer ${this.iden}: sync starts at offset ${offset}`)
    this.run = new LayerRun(this.parts, this.counters, offset, retry)
  }

  /** Sets the reason why the layer was not started again. */
  halted(message: string): void {
    this.haltedBy = message
  }

  /** Waits for a push in progress, and stops. Returns whether there was anything to stop. */
  async stop(): Promise<boolean> {
    return (await this.run?.stop()) ?? false
  }

  /** Applies the recorded errors of a running layer again, between two pushes. */
  retry(): Promise<RetryResult> {
    return (this.run as LayerRun).pusher.retry()
  }

  /** Does the same for a layer that is not running, with connections of its own. */
  async retryStopped(): Promise<RetryResult> {
    const { store, dest } = this.parts
    const remote = await dest.openLayer(this.iden)
    const frontier = new Frontier(store.pushOffset(this.iden))
    frontier.settled = store.settledOffset(this.iden)
    const ledger = new LayerLedger(this.parts, () => {})
    const pusher = new EditPusher(this.iden, () => dest.model)
    const { signal } = new AbortController()
    try {
      const parts = { layer: this.parts, frontier, ledger, pusher, soft: signal, hard: signal }
      return await retryRecorded(parts, remote)
    } finally {
      await remote.close()
    }
  }

  state(): LayerState {
    const { store, iden, clock } = this.parts
    const now = clock.now()
    const run = this.run
    const frontier = run?.pipe.frontier
    const batch = run?.pipe.batch ?? null
    const pushOffset = frontier?.pushed ?? store.pushOffset(iden)
    const pullOffset = frontier?.read ?? store.pullOffset(iden)
    const tip = run?.reader.sourceTip ?? null
    const lagSplices = tip === null ? null : Math.max(0, tip - pushOffset)
    const unsure = run?.reader.watch.isUnsure ? 'Nodes of the source are not at the destination: checking again' : null
    const { pushed, rate, readAt, connectedAt } = this.counters
    return {
      iden,
      ...this.tasks(),
      pullOffset,
      pushOffset,
      destUp: run?.pushTask.status === 'active' && run.pusher.trouble === null,
      inFlight: batch === null ? 0 : batch.endOffset - batch.offset,
      sourceTip: tip,
      queue: this.queue(pullOffset - pushOffset),
      pullStartedAt: readAt,
      pushConnectedAt: connectedAt,
      errorCount: store.errorCount(iden),
      lagSplices,
      isSettled: frontier !== undefined && frontier.settled === frontier.pushed,
      lagSeconds: lagSplices === 0 ? 0 : this.lagSeconds(now),
      rate: rate.perSecond(clock.elapsed(), pushed),
      pushedTotal: pushed,
      polledAt: run?.reader.poll.polledAt ?? null,
      notes: [run?.reader.trouble, run?.pusher.trouble, unsure, run?.reader.watch.lost].filter((note) => note != null),
      lastingNotes: [run?.reader.watch.lost].filter((note) => note != null),
    }
  }

  private tasks(): Pick<LayerState, 'pullStatus' | 'pullTask' | 'pushTask'> {
    if (this.haltedBy !== null) {
      const pushTask: TaskState = { status: 'exception', message: this.haltedBy }
      return { pullStatus: 'stopped', pullTask: { status: 'cancelled' }, pushTask }
    }
    if (this.run === null) return { pullStatus: null, pullTask: NO_TASK, pushTask: NO_TASK }
    const { pullTask, pushTask, reader } = this.run
    return { pullStatus: pullTask.status === 'active' ? reader.status : 'stopped', pullTask, pushTask }
  }

  private queue(length: number): LayerState['queue'] {
    if (this.run === null && this.haltedBy === null) return null
    return this.isRunning ? { finished: false, length } : { finished: true, length: 0 }
  }

  /** Age of the oldest splice in memory without acknowledgement. */
  private lagSeconds(now: number): number | null {
    if (this.run === null) return null
    const { batch, ready, queue } = this.run.pipe
    const oldest = (batch?.items ?? ready)[0]?.splices[0]?.splice ?? queue.peek()
    const time = timeOf(oldest)
    return Number.isNaN(time) ? null : Math.max(0, (now - time) / 1000)
  }
}
