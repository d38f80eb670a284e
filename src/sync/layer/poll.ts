import { type Clock, END, Signal, Stopped, untilStopped } from '../clock.js'

/** When to ask the source for more: after a pause, or at once when someone wants to know. */
export class Poll {
  private readonly clock: Clock
  private readonly answered = new Signal()
  private pausing = new AbortController()
  private askedAt = Number.NEGATIVE_INFINITY
  private beganAt = Number.NEGATIVE_INFINITY
  /** When the last poll that read to the end of the source's log began; epoch ms, for display. */
  polledAt: number | null = null

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Whether a poll that began at or after this moment (by `clock.elapsed()`) has read to the end. */
  isSince(askedAt: number): boolean {
    return this.beganAt >= askedAt
  }

  /** Whether someone has asked since the last poll began. */
  get isAsked(): boolean {
    return !this.isSince(this.askedAt)
  }

  /** A poll has read to the end. */
  ended(began: { readonly elapsedMs: number; readonly epochMs: number }): void {
    this.beganAt = began.elapsedMs
    this.polledAt = began.epochMs
    this.answered.notify()
  }

  /** Nothing will be read for now. */
  failed(): void {
    this.answered.notify()
  }

  /** Ends the pause. */
  wake(): void {
    this.pausing.abort(END)
  }

  /** Waits for `ms`, or until someone asks. Does not wait if someone has asked since the last poll began. */
  async pause(ms: number): Promise<void> {
    if (this.isAsked) return
    this.pausing = new AbortController()
    await this.clock.sleep(ms, this.pausing.signal)
  }

  /** Starts a poll now and waits for its end, as long as `canAnswer` says that it may come. */
  async ask(askedAt: number, canAnswer: () => boolean, signal: AbortSignal): Promise<void> {
    this.askedAt = Math.max(this.askedAt, askedAt)
    this.wake()
    try {
      while (!this.isSince(askedAt) && canAnswer()) await untilStopped(this.answered.wait(), signal)
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
    }
  }
}
