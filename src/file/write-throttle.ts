import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

const KEY = 'synapse-migrator write throttle'
const NS_PER_MS = 1e6

/** What all threads share: when the disk is free for the next write, bytes so far, time waited so far. */
interface Shared {
  /** Nanoseconds of `process.hrtime`, bytes, nanoseconds. */
  readonly numbers: BigInt64Array
  readonly nsPerByte: number
}

const [FREE_AT, BYTES, WAITED] = [0, 1, 2]

/** How the clock is read and waited for; tests give others. */
export interface ThrottleClock {
  nowNs(): bigint
  waitMs(ms: number): void
}

const SLEEPER = new Int32Array(new SharedArrayBuffer(4))

const SYSTEM_CLOCK: ThrottleClock = {
  nowNs: () => process.hrtime.bigint(),
  waitMs: (ms) => void Atomics.wait(SLEEPER, 0, 0, ms),
}

/** Lets all threads of a process write so many bytes per second together, and no more. */
export class WriteThrottle {
  constructor(
    private readonly shared: Shared,
    private readonly clock: ThrottleClock = SYSTEM_CLOCK,
  ) {}

  /** Waits until it is the turn of a write of this size: after all that was let through before. */
  pass(bytes: number): void {
    const { numbers, nsPerByte } = this.shared
    const cost = BigInt(Math.round(bytes * nsPerByte))
    const now = this.clock.nowNs()
    let start: bigint
    for (;;) {
      const freeAt = Atomics.load(numbers, FREE_AT)
      start = freeAt
      // Time in which nothing was written is not saved up: the disk is there for others.
      if (start < now) start = now
      if (Atomics.compareExchange(numbers, FREE_AT, freeAt, start + cost) === freeAt) break
    }
    Atomics.add(numbers, BYTES, BigInt(bytes))
    if (start === now) return
    Atomics.add(numbers, WAITED, start - now)
    this.clock.waitMs(Number(start - now) / NS_PER_MS)
  }

  /** Bytes that were let through, and how long threads have waited for that, together. */
  get totals(): { bytes: number; waitedMs: number } {
    const { numbers } = this.shared
    return { bytes: Number(Atomics.load(numbers, BYTES)), waitedMs: Number(Atomics.load(numbers, WAITED)) / NS_PER_MS }
  }
}

/** A throttle for all threads that are started from now on. */
export function setWriteThrottle(bytesPerSecond: number): WriteThrottle {
  const shared: Shared = {
    numbers: new BigInt64Array(new SharedArrayBuffer(3 * BigInt64Array.BYTES_PER_ELEMENT)),
    nsPerByte: 1e9 / bytesPerSecond,
  }
  setEnvironmentData(KEY, shared as never)
  return new WriteThrottle(shared)
}

let own: WriteThrottle | null | undefined

/** Called before sorted runs and pages are written, whatever thread does it; without a throttle it does nothing. */
export function beforeWrite(bytes: number): void {
  if (own === undefined) {
    const shared = getEnvironmentData(KEY) as unknown as Shared | undefined
    own = shared === undefined ? null : new WriteThrottle(shared)
  }
  own?.pass(bytes)
}
