import { setImmediate as nextTurn } from 'node:timers/promises'

/** Time as the sync sees it; tests can control it. */
export interface Clock {
  /** Epoch milliseconds, for display: they jump when someone sets the clock. */
  now(): number
  /** Milliseconds on a monotonic clock, for durations. */
  elapsed(): number
  /** Resolves after `ms`, or at once when the signal is aborted; check the signal afterwards. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** Lets everything else that is due run first. */
  yield(): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep(ms, signal) {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
    })
  },
  yield: () => nextTurn(),
}

/** Thrown by a wait when the sync of a layer is stopped. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** The reason for aborting waits. Without one, each abort would create an exception with a stack. */
export const END = 'ended'

/** Waits for `promise`. If the signal is aborted first, throws Stopped. */
export function untilStopped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {})
    return Promise.reject(new Stopped())
  }
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(new Stopped())
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/**
 * Pauses between attempts: each twice as long as the one before, up to a limit, and randomized, so that many layers do
 * not try at once.
 */
export class Backoff {
  private readonly random: () => number
  private readonly firstMs: number
  private readonly capMs: number
  private failureCount = 0

  constructor(random: () => number, firstMs: number, capMs: number) {
    this.random = random
    this.firstMs = firstMs
    this.capMs = capMs
  }

  /** Attempts since the last success. */
  get failures(): number {
    return this.failureCount
  }

  nextMs(): number {
    const ms = Math.min(this.capMs, this.firstMs * 2 ** Math.min(this.failureCount++, 30))
    return ms * (0.5 + this.random() / 2)
  }

  reset(): void {
    this.failureCount = 0
  }
}

/** A promise that is settled from outside. */
export class Signal {
  private resolve: () => void = () => {}
  private promise: Promise<void>

  constructor() {
    this.promise = new Promise((resolve) => {
      this.resolve = resolve
    })
  }

  /** Resolves at the next `notify()`. */
  wait(): Promise<void> {
    return this.promise
  }

  notify(): void {
    this.resolve()
    this.promise = new Promise((resolve) => {
      this.resolve = resolve
    })
  }
}
