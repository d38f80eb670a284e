import { ownIdentity } from '../lock/identity.js'
import type { LogLevel } from '../log.js'
import type { Progress, ProgressEvent } from '../migrate/progress.js'
import type { MigrateSummary } from '../migrate/summary.js'
import type { RunPhase, RunStatus, TaskStatus } from '../status/run-status.js'
import type { VerifyReport } from '../verify/report.js'
import { failureOf } from './exit.js'
import type { JsonLines } from './json-lines.js'
import { packageVersion } from './package-version.js'
import { TaskPace } from './task-pace.js'

const TICK_MS = 1000
/** After this many ticks without change we report the state anyway. */
const MOST_SILENT_TICKS = 5

/** What we know of a run before it begins. */
export interface WatchedRun {
  readonly runId: string
  readonly source: string
  readonly dest: string | null
  readonly isDryRun: boolean
}

/** Receives the whole state, at most once a second, and when the run ends. */
export type StatusSink = (status: RunStatus) => void

interface Task {
  status: TaskStatus
  readonly pace: TaskPace
}

/**
 * Keeps the state of a run, and reports it to observers: `--json`, `status`, and a metrics file. It works from the very
 * start until the process ends, whatever the cause.
 */
export class RunWatch implements Progress {
  private readonly run: RunStatus
  private readonly tasks = new Map<string, Task>()
  private readonly sinks: StatusSink[] = []
  private readonly timer: NodeJS.Timeout
  private hasChanged = false
  private silentTicks = 0

  constructor(
    { runId, source, dest, isDryRun }: WatchedRun,
    private readonly lines: JsonLines | null,
  ) {
    const { host, bootId, pidNamespace, pid, startTicks } = ownIdentity()
    const now = new Date().toISOString()
    this.run = {
      schema_version: 1,
      run_id: runId,
      version: packageVersion(),
      source,
      dest,
      dry_run: isDryRun,
      process: { host, boot_id: bootId, pid_namespace: pidNamespace, pid, start_ticks: startTicks },
      started_at: now,
      updated_at: now,
      ended_at: null,
      exit_code: null,
      phase: 'check',
      tasks: [],
      errors: 0,
      failure: null,
    }
    this.lines?.begin(this.run)
    this.timer = setInterval(() => this.tick(), TICK_MS)
    this.timer.unref()
    // A signal ends the process at once, so only synchronous work gets done here.
    process.once('exit', this.onExit)
  }

  /** Reports the state to one more observer: now, and from now on. */
  tell(sink: StatusSink): void {
    this.sinks.push(sink)
    sink(this.state())
  }

  /** Starts the next part of the run; the first is `check`. */
  phase(phase: RunPhase): void {
    this.run.phase = phase
    this.lines?.phase(this.run)
    this.tellSinks()
  }

  show({ phase, layer, done, total, unit }: ProgressEvent): void {
    // Steps before and after the layers are too short to be a task.
    if (total === 0 || unit === 'steps' || this.run.ended_at !== null) return
    this.hasChanged = true
    // A dry run never locks a destination.
    if (this.run.phase === 'check') this.phase('migrate')
    const now = performance.now()
    const key = `${phase} ${layer}`
    const known = this.tasks.get(key)
    const status = { phase, layer, status: done < total ? 'running' : 'done', done, total, unit, rate: 0, eta_s: null }
    const task: Task = { pace: known?.pace ?? new TaskPace(done, now), status: status as TaskStatus }
    task.pace.add(done, now)
    this.tasks.set(key, task)
    if (known === undefined) this.lines?.task(task.status, 'started')
    if (task.status.status === 'done' && known?.status.status !== 'done') this.lines?.task(task.status, 'done')
  }

  errors(count: number): void {
    this.hasChanged ||= count !== this.run.errors
    this.run.errors = count
  }

  logged(level: LogLevel, text: string): void {
    if (this.run.ended_at === null) this.lines?.logged(this.run, level, text)
  }

  migrated(summary: MigrateSummary): void {
    this.run.errors = summary.errorCount
    this.lines?.summary(this.run, summary)
  }

  verified(report: VerifyReport): void {
    this.lines?.verified(this.run, report)
  }

  /** Records what stopped the run. */
  failed(error: unknown): void {
    const { message, hint = null } = failureOf(error)
    this.run.failure = { message, hint }
  }

  end(exitCode: number): void {
    if (this.run.ended_at !== null) return
    clearInterval(this.timer)
    process.off('exit', this.onExit)
    Object.assign(this.run, { phase: 'end', ended_at: new Date().toISOString(), exit_code: exitCode })
    this.tellSinks()
    this.lines?.end(this.run)
  }

  private readonly onExit = (code: number) => this.end(code)

  private tick(): void {
    this.silentTicks++
    if (!this.hasChanged && this.silentTicks < MOST_SILENT_TICKS) return
    this.lines?.progress(this.state())
    this.tellSinks()
    this.silentTicks = 0
    this.hasChanged = false
  }

  private tellSinks(): void {
    if (this.sinks.length === 0) return
    const state = this.state()
    for (const sink of this.sinks) sink(state)
  }

  private state(): RunStatus {
    this.run.updated_at = new Date().toISOString()
    this.run.tasks = [...this.tasks.values()].map(({ status, pace }) => {
      if (status.status === 'done') return status
      const { rate, leftS } = pace.measure(status.total)
      return { ...status, rate: tenths(rate), eta_s: leftS === null ? null : tenths(leftS) }
    })
    return this.run
  }
}

/** Sends progress to several receivers. */
export function teed(...all: readonly Progress[]): Progress {
  return {
    show: (event) => {
      for (const each of all) each.show(event)
    },
    errors: (count) => {
      for (const each of all) each.errors?.(count)
    },
    plan: (work) => {
      for (const each of all) each.plan?.(work)
    },
    watch: (gauges) => {
      for (const each of all) each.watch?.(gauges)
    },
  }
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10
}
