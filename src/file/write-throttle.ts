import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

const KEY = 'synapse-migrator write throttle'
const NS_PER_MS = 1e6

/** Shared by all threads: when the disk is free for the next write, bytes written so far, time waited so far. */
interface Shared {
  /** Nanoseconds of `process.hrtime`, bytes, nanoseconds. */
  readonly numbers: BigInt64Array
  readonly nsPerByte: number
}

const [FREE_AT, BYTES, WAITED] = [0, 1, 2]

/** Reads the clock and sleeps; tests replace it. */
export interface ThrottleClock {
  nowNs(): bigint
  waitMs(ms: number): void
}

const SLEEPER = new Int32Array(new SharedArrayBuffer(4))

const SYSTEM_CLOCK: ThrottleClock = {
  nowNs: () => process.hrtime.bigint(),
  waitMs: (ms) => void Atomics.wait(SLEEPER, 0, 0, ms),
}

/** Limits how many bytes per second all threads of a process write together. */
export class WriteThrottle {
  constructor(
    private readonly shared: Shared,
    private readonly clock: ThrottleClock = SYSTEM_CLOCK,
  ) {}

  /** Waits until a write of this size may start, after all writes that passed before it. */
  pass(bytes: number): void {
    const { numbers, nsPerByte } = this.shared
    const cost = BigInt(Math.round(bytes * nsPerByte))
    const now = this.clock.nowNs()
    let start: bigint
    for (;;) {
      const freeAt = Atomics.load(numbers, FREE_AT)
      start = freeAt
      // Idle time does not count as credit: it belongs to the other users of the disk.
      if (start < now) start = now
      if (Atomics.compareExchange(numbers, FREE_AT, freeAt, start + cost) === freeAt) break
    }
    Atomics.add(numbers, BYTES, BigInt(bytes))
    if (start === now) return
    Atomics.add(numbers, WAITED, start - now)
    this.clock.waitMs(Number(start - now) / NS_PER_MS)
  }

  /** Bytes that passed, and how long all threads together waited. */
  get totals(): { bytes: number; waitedMs: number } {
    const { numbers } = this.shared
    return { bytes: Number(Atomics.load(numbers, BYTES)), waitedMs: Number(Atomics.load(numbers, WAITED)) / NS_PER_MS }
  }
}

/** Sets a throttle for all threads that start from now on. */
export function setWriteThrottle(bytesPerSecond: number): WriteThrottle {
  const shared: Shared = {
    numbers: new BigInt64Array(new SharedArrayBuffer(3 * BigInt64Array.BYTES_PER_ELEMENT)),
    nsPerByte: 1e9 / bytesPerSecond,
  }
  setEnvironmentData(KEY, shared as never)
  return new WriteThrottle(shared)
}

let own: WriteThrottle | null | undefined

/** Every thread calls this before it writes sorted runs or pages. Does nothing without a throttle. */
export function beforeWrite(bytes: number): void {
  if (own === undefined) {
    const shared = getEnvironmentData(KEY) as unknown as Shared | undefined
    own = shared === undefined ? null : new WriteThrottle(shared)
  }
  own?.pass(bytes)
}
