import type { RawSplice } from '../api.js'
import type { Clock } from '../clock.js'
import type { LayerPipe } from './layer-pipe.js'
import { timeOf } from './splice-facts.js'

/**
 * The newest splices wait until the source has been there for so long after they were read: 0.1.58 commits each 500 ms if
 * it is not too busy, and a killed source comes back without those it had not.
 */
export const HOLD_MS = 3_000
/** The same for splices that have younger ones behind them, by the source's clock, which may jump a little. */
const OLD_MS = 10_000
const NO_TIP = { offset: 0, time: Number.NaN }

/** Keeps the newest splices back until they are surely on the source's disk; moves `frontier.held`. */
export class HoldBack {
  private readonly pipe: LayerPipe
  private readonly clock: Clock
  /** The splice in front of `frontier.held`, once it was read in this run. */
  heldSplice: RawSplice | null = null
  /** Where the source's log ended when that was searched last, and its last splice's time by the source's clock. */
  private tip = NO_TIP
  /** Where the log ended at the last reads, not yet old enough. */
  private ends: { readonly offset: number; readonly at: number }[] = []

  constructor(pipe: LayerPipe, clock: Clock) {
    this.pipe = pipe
    this.clock = clock
  }

  /** Whether it keeps anything back. */
  get isHolding(): boolean {
    return this.ends.length > 0
  }

  /** Nothing that was seen of the source's end counts any more. */
  forget(): void {
    this.tip = NO_TIP
    this.ends = []
  }

  /** The log ended at `offset` just now, with a splice of that time. */
  sawTip(offset: number, time: number): void {
    this.tip = { offset, time }
  }

  /**
   * Lets through what a later splice is long enough younger than, by the source's own clock, or what was read long before the
   * source answered again.
   */
  letThrough(answeredAt: number): void {
    const { frontier, queue, arrived } = this.pipe
    const from = frontier.translated
    const { held } = frontier
    const isTipAhead = this.tip.offset > frontier.read
    const newest = isTipAhead ? this.tip.time : timeOf(queue.at(frontier.read - 1 - from))
    // One by one, as a clock that was put back leaves times out of order.
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
