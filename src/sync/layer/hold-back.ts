import type { RawSplice } from '../api.js'
import type { Clock } from '../clock.js'
import type { LayerPipe } from './layer-pipe.js'
import { timeOf } from './splice-facts.js'

/**
 * We hold the newest splices back until the source has stayed up this long after we read them. 0.1.58 commits every 500
 * ms unless it is too busy, and a killed source comes back without its uncommitted splices.
 */
export const HOLD_MS = 3_000
/** We also let a splice through when a later one is this much newer by the source's clock, which may jump a little. */
const OLD_MS = 10_000
const NO_TIP = { offset: 0, time: Number.NaN }

/** Holds the newest splices back until they are surely on the source's disk. Moves `frontier.held`. */
export class HoldBack {
  private readonly pipe: LayerPipe
  private readonly clock: Clock
  /** The splice before `frontier.held`, if it was read in this run. */
  heldSplice: RawSplice | null = null
  /** The end of the source's log at the last search, and the time of its last splice by the source's clock. */
  private tip = NO_TIP
  /** Ends of the log at recent reads that are not old enough yet. */
  private ends: { readonly offset: number; readonly at: number }[] = []

  constructor(pipe: LayerPipe, clock: Clock) {
    this.pipe = pipe
    this.clock = clock
  }

  /** Whether it holds any splices back. */
  get isHolding(): boolean {
    return this.ends.length > 0
  }

  /** Forgets everything that it knew about the end of the source's log. */
  forget(): void {
    this.tip = NO_TIP
    this.ends = []
  }

  /** The log ended at `offset` just now, with a splice of this time. */
  sawTip(offset: number, time: number): void {
    this.tip = { offset, time }
  }

  /**
   * Lets splices through that are old enough: either later splices are enough newer by the source's clock, or we read
   * them long before the source last answered.
   */
  letThrough(answeredAt: number): void {
    const { frontier, queue, arrived } = this.pipe
    const from = frontier.translated
    const { held } = frontier
    const isTipAhead = this.tip.offset > frontier.read
    const newest = isTipAhead ? this.tip.time : timeOf(queue.at(frontier.read - 1 - from))
    // One by one, because after a clock was set back, times are not in order.
    while (frontier.held < frontier.read && timeOf(queue.at(frontier.held - from)) <= newest - OLD_MS) frontier.held++
    if (frontier.read > Math.max(frontier.held, this.ends.at(-1)?.offset ?? 0)) {
      this.ends.push({ offset: frontier.read, at: this.clock.elapsed() })
    }
    while (this.ends.length > 0 && (this.ends[0].offset <= frontier.held || this.ends[0].at <= answeredAt - HOLD_MS)) {
      frontier.held = Math.max(frontier.held, this.ends[0].offset)
      this.ends.shift()
    }
    if (frontier.held > held) this.heldSplice = queue.at(frontier.held - 1 - from) ?? null
    arrived.notify()
  }
}
