import type { TaskState } from '../api.js'
import { END, Stopped } from '../clock.js'
import type { LayerCounters } from './layer-counters.js'
import { LayerLedger } from './layer-ledger.js'
import type { LayerParts } from './layer-parts.js'
import { LayerPipe } from './layer-pipe.js'
import { LayerPusher } from './layer-pusher.js'
import { LayerReader } from './layer-reader.js'
import { LayerTranslator } from './layer-translator.js'
import { Marks } from './marks.js'

/** How long a push in progress may take to be acknowledged when the layer is stopped. */
const GRACE_MS = 3_000

/**
 * One run of a layer from start to end: one task reads its splices, one translates, one pushes, and each works ahead of
 * the next. The first task that fails ends the others.
 */
export class LayerRun {
  readonly pipe: LayerPipe
  readonly reader: LayerReader
  readonly pusher: LayerPusher
  isRunning = true
  /** Why it ended. */
  failure: Error | null = null
  pullTask: TaskState = { status: 'active' }
  pushTask: TaskState = { status: 'active' }
  private readonly parts: LayerParts
  private readonly ledger: LayerLedger
  /** Stops reading and translating, and stops pushing between two pushes. */
  private readonly soft = new AbortController()
  /** Stops everything at once. */
  private readonly hard = new AbortController()
  private tasks: Promise<void>[] = []

  /** Starts at an offset. `retry` applies the recorded errors before that offset first. */
  constructor(parts: LayerParts, counters: LayerCounters, offset: number, retry: boolean) {
    this.parts = parts
    const marks = new Marks(offset, parts.store.anchors(parts.iden), parts.clock.elapsed())
    const pipe = new LayerPipe(offset, marks, parts.budget, () => parts.dest.model)
    const broken = (error: Error) => {
      this.failure ??= error
      this.end('push', { status: 'exception', message: error.message })
    }
    const ledger = new LayerLedger(parts, broken)
    const [soft, hard] = [this.soft.signal, this.hard.signal]
    const shared = { layer: parts, pipe, ledger, counters }
    this.pipe = pipe
    this.ledger = ledger
    const isDestReady = () => this.pusher.trouble === null
    this.reader = new LayerReader({ ...shared, signal: soft, isDestReady })
    const goneBack = () => this.reader.goneBack()
    this.pusher = new LayerPusher({ ...shared, soft, hard, goneBack }, retry)
    const translator = new LayerTranslator(parts, pipe, soft)
    this.tasks = [
      this.task('pull', () => this.reader.run()),
      this.task('push', () => translator.run()),
      this.task('push', () => this.pusher.run()),
    ]
    // None of them rejects.
    void Promise.all(this.tasks).then(() => pipe.release(pipe.bytes))
  }

  /**
   * Waits for a push in progress, ends the tasks and closes the connections. Returns whether there was anything to end.
   */
  async stop(): Promise<boolean> {
    if (this.tasks.length === 0) return false
    this.soft.abort(END)
    const ended = Promise.all(this.tasks)
    const timer = new AbortController()
    await Promise.race([ended, this.parts.clock.sleep(GRACE_MS, timer.signal)])
    timer.abort(END)
    this.hard.abort(END)
    await ended
    this.tasks = []
    await this.ledger.written()
    return true
  }

  private async task(kind: 'pull' | 'push', run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      const isStopped = error instanceof Stopped
      const { message } = error as Error
      if (!isStopped) this.failure ??= error as Error
      this.end(kind, isStopped ? { status: 'cancelled' } : { status: 'exception', message })
      if (!isStopped) this.parts.log.error(`Layer ${this.parts.iden}: the sync has ended: ${message}`, error)
    }
  }

  private end(kind: 'pull' | 'push', state: TaskState): void {
    const { iden } = this.parts
    // The task that fails first gives the reason; the others are cancelled.
    if (kind === 'pull' && this.pullTask.status === 'active') this.pullTask = state
    if (kind === 'push' && this.pushTask.status === 'active') this.pushTask = state
    this.isRunning = false
    this.soft.abort(END)
    if (state.status === 'exception') this.hard.abort(END)
    const why = state.status === 'exception' ? state.message : 'it was stopped'
    this.pusher.ended(new Error(`Layer ${iden} ended before its errors were applied: ${why}`))
  }
}
