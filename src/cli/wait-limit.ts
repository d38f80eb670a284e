import type { WaitTotals } from '../thread/run-load.js'

/** What is measured over so long: what limits a run changes with its phase. */
const WINDOW_MS = 5000
/** So much of their time threads may wait before it is that which limits the run. */
const MOST_WAITING = 0.2
/** The least part of their time that threads work or wait for something. */
const LEAST_BUSY = 0.5

/** What limits a run, and the part of the threads' time that it takes. */
export interface Limit {
  readonly by: 'workers' | 'writer' | 'disk'
  readonly part: number
}

/** Says what limits a run now, by what its worker threads did with their time lately. */
export class WaitLimit {
  private points: { readonly atMs: number; readonly waits: WaitTotals }[] = []

  /** Null while nothing was measured. */
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
  // Threads that mostly have nothing to do limit nothing: the last pieces are under way, or others do the work.
  if (sumMs <= 0 || workMs + writerMs + diskMs < LEAST_BUSY * sumMs) return null
  if (writerMs + diskMs <= MOST_WAITING * sumMs) return { by: 'workers', part: workMs / sumMs }
  return diskMs > writerMs ? { by: 'disk', part: diskMs / sumMs } : { by: 'writer', part: writerMs / sumMs }
}
