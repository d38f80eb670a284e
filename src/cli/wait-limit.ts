import type { WaitTotals } from '../thread/run-load.js'

/** The window for the measurement: the bottleneck changes with the phase of a run. */
const WINDOW_MS = 5000
/** Waiting for something makes it the bottleneck when it takes at least this share of the threads' time. */
const MOST_WAITING = 0.2
/** Threads that work or wait for less than this share of their time are mostly idle. */
const LEAST_BUSY = 0.5

/** The bottleneck of a run, and its share of the threads' time. */
export interface Limit {
  readonly by: 'workers' | 'writer' | 'disk'
  readonly part: number
}

/** Finds the current bottleneck of a run, from how its worker threads spent their time recently. */
export class WaitLimit {
  private points: { readonly atMs: number; readonly waits: WaitTotals }[] = []

  /** Null until there is a measurement. */
  now: Limit | null = null

  add(waits: WaitTotals, nowMs: number): void {
    this.points.push({ atMs: nowMs, waits })
    const first = this.points.findLastIndex(({ atMs }) => atMs <= nowMs - WINDOW_MS)
    if (first > 0) this.points.splice(0, first)
    this.now = limitOf(waits, this.points[0].waits)
  }
}

function limitOf(now: WaitTotals, then: WaitTotals): Limit | null {
  const [workMs, writerMs, diskMs] = [now.workMs - then.workMs, now.writerMs - then.writerMs, now.diskMs - then.diskMs]
  const sumMs = workMs + writerMs + diskMs + now.idleMs - then.idleMs
  // Mostly idle threads are not the bottleneck: only the last pieces are left, or other threads do the work.
  if (sumMs <= 0 || workMs + writerMs + diskMs < LEAST_BUSY * sumMs) return null
  if (writerMs + diskMs <= MOST_WAITING * sumMs) return { by: 'workers', part: workMs / sumMs }
  return diskMs > writerMs ? { by: 'disk', part: diskMs / sumMs } : { by: 'writer', part: writerMs / sumMs }
}
