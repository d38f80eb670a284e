import type { Clock } from '../../src/sync/clock.js'

/** Time that runs only when nothing else can. */
export class SimClock implements Clock {
  private nowMs: number
  private timers: { readonly at: number; readonly id: number; readonly fire: () => void }[] = []
  private ids = 0
  /** By how much somebody has set the clock. */
  setByMs = 0

  constructor(now = 1_600_000_000_000) {
    this.nowMs = now
  }

  now(): number {
    return this.nowMs + this.setByMs
  }

  elapsed(): number {
    return this.nowMs
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.after(ms, () => {
        signal.removeEventListener('abort', done)
        resolve()
      })
      const done = () => {
        cancel()
        resolve()
      }
      signal.addEventListener('abort', done, { once: true })
    })
  }

  yield(): Promise<void> {
    return Promise.resolve()
  }

  /** Calls `fire` when time has come; returns how to cancel that. */
  after(ms: number, fire: () => void): () => void {
    const timer = { at: this.nowMs + Math.max(0, ms), id: this.ids++, fire }
    let low = 0
    let high = this.timers.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.timers[middle]
      // Latest first: the next one is taken from the end.
      if (other.at > timer.at || (other.at === timer.at && other.id > timer.id)) low = middle + 1
      else high = middle
    }
    this.timers.splice(low, 0, timer)
    return () => {
      const at = this.timers.indexOf(timer)
      if (at >= 0) this.timers.splice(at, 1)
    }
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve)
    })
  }

  /** Runs until the promise is settled. Throws when nothing is left to happen, or after `mostMs` of simulated time. */
  async run<T>(promise: Promise<T>, mostMs = 3_600_000): Promise<T> {
    let settled = false
    const watched = promise.finally(() => {
      settled = true
    })
    watched.catch(() => {})
    const end = this.nowMs + mostMs
    for (;;) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (settled) return watched
      const timer = this.timers.pop()
      if (timer === undefined) throw new Error('the simulation stands still')
      if (timer.at > end) throw new Error(`not done after ${mostMs} ms`)
      this.nowMs = Math.max(this.nowMs, timer.at)
      timer.fire()
    }
  }
}

/** Mulberry32: a seeded source of chance. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
