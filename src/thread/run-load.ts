import type { Credits } from './chunk-sender.js'

/** What worker threads did with their time, in milliseconds of one thread; all of them together. */
export interface WaitTotals {
  readonly workMs: number
  /** They had pages, and the writer was behind; or there was nothing for them to do until it was done with something. */
  readonly writerMs: number
  /** They got no more work until what they had made was durable. */
  readonly diskMs: number
  /** There was not enough work for all of them. */
  readonly idleMs: number
}

interface RunningTask {
  readonly name: string
  /** Null while it waits for a thread. */
  startMs: number | null
}

/** Calls of the writer that wait for the disk alone. */
const DISK_CALLS: ReadonlySet<string> = new Set(['commit', 'commitRuns', 'sync'])

/**
 * Keeps account of what the worker threads do and wait for, from what is known when tasks and calls begin and end: no row
 * costs more for it.
 */
export class RunLoad {
  /** In the order in which the threads take them. */
  private readonly tasks: RunningTask[] = []
  private readonly msByTask = new Map<string, number>()
  private readonly calls = new Map<string, number>()
  private credits: Credits | null = null
  private lastWaitedUs = 0
  /** Of the waits that were noted what does not fit into the time that was accounted for: they had begun before. */
  private owedMs = 0
  private lastMs: number
  private readonly sums = { workMs: 0, writerMs: 0, diskMs: 0, idleMs: 0 }

  constructor(
    readonly workers: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.lastMs = now()
  }

  /** Tells where tasks note how long they wait for the writer. */
  watch(credits: Credits): void {
    this.credits = credits
    this.lastWaitedUs = Atomics.load(credits.waitedUs, 0)
  }

  /** Notes that a task was handed out; what is returned is called when it has ended. */
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

  /** Notes that the writer was asked for something. */
  beginCall(method: string): () => void {
    const add = (count: number) => {
      this.account()
      this.calls.set(method, (this.calls.get(method) ?? 0) + count)
    }
    add(1)
    return () => add(-1)
  }

  /** Time of threads that tasks of that name took, of those that have ended. */
  taskMs(name: string): number {
    return this.msByTask.get(name) ?? 0
  }

  /** Time of threads that the tasks which are running have taken so far. */
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

  /** Adds the time since it was last called to what the threads were at. */
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

  /** What threads without a task wait for. */
  private idleFor(): 'diskMs' | 'writerMs' | 'idleMs' {
    let others = 0
    for (const [method, count] of this.calls) {
      if (count > 0 && DISK_CALLS.has(method)) return 'diskMs'
      // The writer takes pages while a task makes them: only what is left behind it keeps others from starting.
      others += method === 'receive' ? Math.max(0, count - this.tasks.length) : count
    }
    return others > 0 ? 'writerMs' : 'idleMs'
  }

  private waitedMs(): number {
    if (this.credits === null) return 0
    const waitedUs = Atomics.load(this.credits.waitedUs, 0)
    // The counter may have gone round.
    const sinceUs = (waitedUs - this.lastWaitedUs) >>> 0
    this.lastWaitedUs = waitedUs
    return sinceUs / 1000
  }
}
