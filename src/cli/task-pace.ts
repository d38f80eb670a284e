/** When there are more points than this, every other one is dropped. */
const MOST_POINTS = 64
/** The window for a rate is the last quarter of the time so far, and at least half a minute. */
const WINDOW_PART = 4
const LEAST_WINDOW_MS = 30_000

interface Point {
  readonly atMs: number
  readonly done: number
}

/**
 * The current speed of a task and the time left, measured over a sliding window. What an earlier run did does not
 * count: a task begins with what was done when we first saw it.
 */
export class TaskPace {
  private readonly startedMs: number
  private points: Point[]

  /** @param done what is already done, in the task's unit */
  constructor(done: number, nowMs: number) {
    this.startedMs = nowMs
    this.points = [{ atMs: nowMs, done }]
  }

  /** Records how much is done. */
  add(done: number, nowMs: number): void {
    const fromMs = nowMs - Math.max(LEAST_WINDOW_MS, (nowMs - this.startedMs) / WINDOW_PART)
    this.points.push({ atMs: nowMs, done })
    // Keep the last point before the window: pieces end rarely, and each must be counted with all of its time.
    const first = this.points.findLastIndex(({ atMs }) => atMs <= fromMs)
    if (first > 0) this.points.splice(0, first)
    const last = this.points.length - 1
    if (last >= MOST_POINTS) this.points = this.points.filter((_, at) => at % 2 === 0 || at === last)
  }

  /**
   * @param total the size of the whole task, in its unit
   * @returns units per second and seconds left; null until there is something to measure
   */
  measure(total: number): { rate: number; leftS: number | null } {
    const [first, last] = [this.points[0], this.points[this.points.length - 1]]
    const rate = ((last.done - first.done) * 1000) / Math.max(1, last.atMs - first.atMs)
    return { rate, leftS: rate > 0 ? (total - last.done) / rate : null }
  }
}
