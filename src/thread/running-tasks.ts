/** Disks may stall for minutes, and large files take time, but nothing ordinary takes longer than this. */
const QUIET_SECONDS = 600
const MOST_LISTED = 8
/** Fields that identify a task or call. */
const NAMES = ['layer', 'slab', 'db', 'name', 'partition', 'start', 'end', 'stream', 'key'] as const

/** Watches tasks and calls. */
export interface TaskWatch {
  /** Records that one has begun. Call the returned function when it has ended. */
  begin(name: string, input: unknown): () => void
}

interface Running {
  readonly what: string
  readonly sinceMs: number
}

/**
 * What the threads of a run are doing. If nothing begins or ends for a long time, warns and names what is still
 * running, and repeats that as long as it lasts. The operator decides whether to wait or to stop.
 */
export class RunningTasks implements TaskWatch {
  private readonly running = new Set<Running>()
  private readonly timer: NodeJS.Timeout
  private newsMs: number
  private saidMs = 0

  /**
   * @param warn receives a sentence for the operator
   * @param quietMs how long nothing may happen: the environment's SYNAPSE_MIGRATOR_QUIET_SECONDS, by default ten
   *   minutes
   */
  constructor(
    private readonly warn: (text: string) => void,
    private readonly quietMs: number = quietFromEnv(),
    private readonly now: () => number = Date.now,
  ) {
    this.newsMs = now()
    this.timer = setInterval(() => this.look(), Math.min(quietMs / 4, 2 ** 31 - 1))
    this.timer.unref()
  }

  /** Records that a task has begun. Call the returned function when it has ended. */
  begin(name: string, input: unknown): () => void {
    const running = { what: describe(name, input), sinceMs: this.now() }
    this.newsMs = running.sinceMs
    this.running.add(running)
    return () => {
      this.newsMs = this.now()
      this.running.delete(running)
    }
  }

  /** Warns if there is a reason to. Called by a timer. */
  look(): void {
    const now = this.now()
    if (this.running.size === 0 || now - Math.max(this.newsMs, this.saidMs) < this.quietMs) return
    this.saidMs = now
    const all = [...this.running].sort((a, b) => a.sinceMs - b.sinceMs)
    const listed = all.slice(0, MOST_LISTED).map(({ what, sinceMs }) => `${what} (${time(now - sinceMs)})`)
    if (all.length > listed.length) listed.push(`${all.length - listed.length} more`)
    this.warn(
      `No thread has reported anything for ${time(now - this.newsMs)}. Still running: ${listed.join(', ')}. ` +
        'If it is no slow disk, stop the run and continue with --from-last',
    )
  }

  close(): void {
    clearInterval(this.timer)
  }
}

function quietFromEnv(): number {
  const seconds = Number(process.env.SYNAPSE_MIGRATOR_QUIET_SECONDS)
  return 1000 * (seconds > 0 ? seconds : QUIET_SECONDS)
}

/** The task's name and identifying fields, such as `extractNodes layer 1a2b… partition 3`. */
function describe(name: string, input: unknown): string {
  const fields = input as Readonly<Record<string, unknown>>
  const named = NAMES.filter((field) => ['string', 'number'].includes(typeof fields[field]))
  return [name, ...named.map((field) => `${field} ${fields[field]}`)].join(' ')
}

function time(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`
}
