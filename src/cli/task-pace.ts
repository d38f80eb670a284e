/** Beyond so many points every other one is dropped. */
const MOST_POINTS = 64
/** A rate is measured over the last quarter of the time so far, and over half a minute at least. */
const WINDOW_PART = 4
const LEAST_WINDOW_MS = 30_000

interface Point {
  readonly atMs: number
  readonly done: number
}

/**
 * How fast a task goes now, and how long it will take: measured over a window of time that slides along. What an earlier
 * run had done counts for nothing: a task begins with what was done when it was first seen.
 */
export class TaskPace {
  private readonly startedMs: number
  private points: Point[]

  /** @param done what is done already, in the unit of the task */
  constructor(done: number, nowMs: number) {
    this.startedMs = nowMs
    this.points = [{ atMs: nowMs, done }]
  }

  /** Notes how much is done. */
  add(done: number, nowMs: number): void {
    const fromMs = nowMs - Math.max(LEAST_WINDOW_MS, (nowMs - this.startedMs) / WINDOW_PART)
    this.points.push({ atMs: nowMs, done })
    // The last point before the window stays: pieces end seldom, and one must not be counted without its time.
    const first = this.points.findLastIndex(({ atMs }) => atMs <= fromMs)
    if (first > 0) this.points.splice(0, first)
    const last = this.points.length - 1
    if (last >= MOST_POINTS) this.points = this.points.filter((_, at) => at % 2 === 0 || at === last)
  }

  /**
   * @param total what the whole task has, in its unit
   * @returns units per second, and seconds that are left: null where nothing was done yet that tells
   */
  measure(total: number): { rate: number; leftS: number | null } {
    const [first, last] = [this.points[0], this.points[this.points.length - 1]]
    const rate = ((last.done - first.done) * 1000) / Math.max(1, last.atMs - first.atMs)
    return { rate, leftS: rate > 0 ? (total - last.done) / rate : null }
  }
}
