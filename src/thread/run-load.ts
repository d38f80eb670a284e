import type { Credits } from './chunk-sender.js'

/** How the worker threads spent their time, in milliseconds of thread time, all threads together. */
export interface WaitTotals {
  readonly workMs: number
  /** Waiting for the writer: to send pages, or for something that it had to finish first. */
  readonly writerMs: number
  /** Waiting for the disk: no more work until their results were durable. */
  readonly diskMs: number
  /** Idle: not enough work for all of them. */
  readonly idleMs: number
}

interface RunningTask {
  readonly name: string
  /** Null while it waits for a thread. */
  startMs: number | null
}

/** Calls of the writer that only wait for the disk. */
const DISK_CALLS: ReadonlySet<string> = new Set(['commit', 'commitRuns', 'sync'])

/**
 * Accounts for what the worker threads do and wait for. It only looks at the begin and end of tasks and calls, so it
 * adds no cost per row.
 */
export class RunLoad {
  /** In the order in which threads take them. */
  private readonly tasks: RunningTask[] = []
  private readonly msByTask = new Map<string, number>()
  private readonly calls = new Map<string, number>()
  private credits: Credits | null = null
  private lastWaitedUs = 0
  /** Reported waits that exceed the time accounted for, because they began earlier. */
  private owedMs = 0
  private lastMs: number
  private readonly sums = { workMs: 0, writerMs: 0, diskMs: 0, idleMs: 0 }

  constructor(
    readonly workers: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.lastMs = now()
  }

  /** Sets where tasks record how long they wait for the writer. */
  watch(credits: Credits): void {
    this.credits = credits
    this.lastWaitedUs = Atomics.load(credits.waitedUs, 0)
  }

  /** Records that a task was handed out. Call the returned function when it has ended. */
  beginTask(name: string): () => void {
    this.account()
    const task: RunningTask = { name, startMs: null }
    this.tasks.push(task)
    this.start()
    return () => {
      this.account()
      if (task.startMs !== null) this.msByTask.set(name, this.taskMs(name) + this.lastMs - task.startMs)
      this.tasks.splice(this.tasks.indexOf(task), 1)
      this.start()
    }
  }

  /** Records a call to the writer. Call the returned function when it has ended. */
  beginCall(method: string): () => void {
    const add = (count: number) => {
      this.account()
      this.calls.set(method, (this.calls.get(method) ?? 0) + count)
    }
    add(1)
    return () => add(-1)
  }

  /** Thread time of all ended tasks of that name. */
  taskMs(name: string): number {
    return this.msByTask.get(name) ?? 0
  }

  /** Thread time of running tasks, so far. */
  get runningMs(): number {
    const nowMs = this.now()
    return this.tasks.reduce((sum, { startMs }) => sum + (startMs === null ? 0 : nowMs - startMs), 0)
  }

  get waits(): WaitTotals {
    this.account()
    return { ...this.sums }
  }

  private start(): void {
    for (const task of this.tasks.slice(0, this.workers)) task.startMs ??= this.lastMs
  }

  /** Accounts for the time since the last call. */
  private account(): void {
    const nowMs = this.now()
    const elapsedMs = nowMs - this.lastMs
    this.lastMs = nowMs
    const busy = Math.min(this.workers, this.tasks.length)
    this.owedMs += this.waitedMs()
    const sentMs = Math.min(this.owedMs, busy * elapsedMs)
    this.owedMs -= sentMs
    this.sums.workMs += busy * elapsedMs - sentMs
    this.sums.writerMs += sentMs
    this.sums[this.idleFor()] += (this.workers - busy) * elapsedMs
  }

  /** What threads without a task are waiting for. */
  private idleFor(): 'diskMs' | 'writerMs' | 'idleMs' {
    let others = 0
    for (const [method, count] of this.calls) {
      if (count > 0 && DISK_CALLS.has(method)) return 'diskMs'
      // The writer receives pages while a task makes them. Only the pages that are left after the task keep others from
      // starting.
      others += method === 'receive' ? Math.max(0, count - this.tasks.length) : count
    }
    return others > 0 ? 'writerMs' : 'idleMs'
  }

  private waitedMs(): number {
    if (this.credits === null) return 0
    const waitedUs = Atomics.load(this.credits.waitedUs, 0)
    // The counter may have wrapped around.
    const sinceUs = (waitedUs - this.lastWaitedUs) >>> 0
    this.lastWaitedUs = waitedUs
    return sinceUs / 1000
  }
}
