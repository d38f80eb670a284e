/** Disks may stall for minutes, and a large file takes its time: longer than this nothing usual takes. */
const QUIET_SECONDS = 600
const MOST_LISTED = 8
/** Fields of a task or call that say which one it is. */
const NAMES = ['layer', 'slab', 'db', 'name', 'partition', 'start', 'end', 'stream', 'key'] as const

/** Who is told of tasks and calls. */
export interface TaskWatch {
  /** Notes that it has begun; what is returned is called when it has ended. */
  begin(name: string, input: unknown): () => void
}

interface Running {
  readonly what: string
  readonly sinceMs: number
}

/**
 * What the threads of a run are at. When for long nothing was begun or ended it says so, names what has not ended, and says
 * it again as long as it lasts: whether to wait or to stop is for the operator to decide.
 */
export class RunningTasks implements TaskWatch {
  private readonly running = new Set<Running>()
  private readonly timer: NodeJS.Timeout
  private newsMs: number
  private saidMs = 0

  /**
   * @param warn takes a sentence for the operator
   * @param quietMs how long nothing may happen; the environment's SYNAPSE_MIGRATOR_QUIET_SECONDS, ten minutes by default
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

  /** Notes that a task has begun; what is returned is called when it has ended. */
  begin(name: string, input: unknown): () => void {
    const running = { what: describe(name, input), sinceMs: this.now() }
    this.newsMs = running.sinceMs
    this.running.add(running)
    return () => {
      this.newsMs = this.now()
      this.running.delete(running)
    }
  }

  /** Warns if there is reason to; a timer calls it. */
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

/** The name of a task and which one it is, as `extractNodes layer 1a2b… partition 3`. */
function describe(name: string, input: unknown): string {
  const fields = input as Readonly<Record<string, unknown>>
  const named = NAMES.filter((field) => ['string', 'number'].includes(typeof fields[field]))
  return [name, ...named.map((field) => `${field} ${fields[field]}`)].join(' ')
}

function time(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`
}
