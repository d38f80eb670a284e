import type { PlannedWork, Progress, ProgressEvent, ProgressPhase, RunGauges } from '../migrate/progress.js'
import { LiveLines, type Screen } from './live-lines.js'
import {
  barLine,
  moreLine,
  overallLine,
  overallText,
  type RunFacts,
  type TaskFacts,
  taskText,
} from './progress-text.js'
import { RunPace, type Standing } from './run-pace.js'
import { TaskPace } from './task-pace.js'
import { WaitLimit } from './wait-limit.js'

/** How often to draw on a terminal, and how often to check for a line elsewhere. */
const [DRAW_MS, LINE_MS] = [250, 1000]
/** Write a line when both this much time has passed and this much of the work is done. */
const [LINE_EVERY_MS, LINE_EVERY_PART] = [10_000, 0.01]
/** Terminal rows to leave for the log. */
const LEAST_LOG_ROWS = 3
/** Full names of the units. */
const UNITS: Partial<Record<ProgressPhase, string>> = {
  nodes: 'node rows',
  indexes: 'index parts',
  verify: 'node rows',
}

interface Task {
  readonly phase: ProgressPhase
  readonly name: string
  done: number
  total: number
  readonly unit: string
  readonly pace: TaskPace
}

export interface ScreenOptions {
  /** Whether we can draw over earlier lines. */
  readonly isTerminal: boolean
  /** Receives a line now and then when we cannot. */
  readonly line: (text: string) => void
  /** Receives the same lines when we can. */
  readonly note?: (text: string) => void
  /** Whether a comparison follows a migration. */
  readonly withVerify?: boolean
  readonly out?: Screen
  readonly now?: () => number
}

/**
 * Shows the progress of a command on standard error: on a terminal one line for the whole run and one for each task,
 * elsewhere a plain line now and then.
 */
export class ProgressScreen implements Progress {
  private readonly tasks = new Map<string, Task>()
  private readonly pace: RunPace
  private readonly limit = new WaitLimit()
  private readonly out: Screen
  private readonly now: () => number
  private readonly live: LiveLines
  private gauges: RunGauges | null = null
  private errorCount = 0
  private timer: NodeJS.Timeout | null = null
  private said: { atMs: number; part: number } | null = null

  constructor(private readonly options: ScreenOptions) {
    this.out = options.out ?? process.stderr
    this.now = options.now ?? (() => performance.now())
    this.live = new LiveLines(this.out)
    this.pace = new RunPace(this.now())
  }

  /** For commands that have no log. */
  static onStderr(): ProgressScreen {
    const line = (text: string) => process.stderr.write(`${text}\n`)
    return new ProgressScreen({ isTerminal: process.stderr.isTTY === true, line })
  }

  plan(work: readonly PlannedWork[]): void {
    this.pace.plan(work)
    const { withVerify = false } = this.options
    // A comparison reads the rows that nodes are made from.
    if (withVerify) this.pace.plan(work.filter(({ phase }) => phase === 'nodes').map(verifyOf))
    this.start()
  }

  errors(count: number): void {
    this.errorCount = count
  }

  watch(gauges: RunGauges): void {
    this.gauges = gauges
    this.pace.watch(gauges)
  }

  show(event: ProgressEvent): void {
    const { phase, layer, done, total, unit } = event
    const nowMs = this.now()
    this.pace.show(event, nowMs)
    if (total === 0 || unit === 'steps') return
    const name = `${phase} ${layer.slice(0, 8)}`
    const task = this.tasks.get(name)
    if (done >= total) this.tasks.delete(name)
    else if (task === undefined) {
      this.tasks.set(name, { phase, name, done, total, unit: UNITS[phase] ?? unit, pace: new TaskPace(done, nowMs) })
    } else {
      Object.assign(task, { done, total })
      task.pace.add(done, nowMs)
    }
    this.start()
  }

  /** Prints a line of the log, above the bars if there are any. */
  write(text: string): void {
    if (this.timer === null || !this.options.isTerminal) this.out.write(text)
    else this.live.print(text, this.lines())
  }

  /** Removes the bars from the screen. */
  stop(): void {
    if (this.timer !== null) clearInterval(this.timer)
    this.timer = null
    this.live.clear()
    this.tasks.clear()
  }

  /** Draws the current state, or writes a line if one is due. Called by a timer. */
  look(): void {
    if (this.gauges !== null) this.limit.add(this.gauges.waits(), this.now())
    if (this.options.isTerminal) this.live.draw(this.lines())
    this.say()
  }

  private start(): void {
    if (this.timer !== null) return
    this.timer = setInterval(() => this.look(), this.options.isTerminal ? DRAW_MS : LINE_MS)
    this.timer.unref()
    this.said ??= { atMs: this.now(), part: 0 }
  }

  private lines(): string[] {
    const { columns, rows } = this.live.size
    const overall = this.pace.isPlanned ? [overallLine(this.standing(), this.facts(), columns)] : []
    const bars = [...this.tasks.values()].map((task) => barLine(factsOf(task), columns))
    const room = Math.max(1, rows - LEAST_LOG_ROWS - overall.length)
    if (bars.length > room) bars.splice(room - 1, bars.length, moreLine(bars.length - room + 1))
    return [...overall, ...bars]
  }

  private say(): void {
    const say = this.options.isTerminal ? this.options.note : this.options.line
    const nowMs = this.now()
    if (say === undefined || this.said === null || nowMs - this.said.atMs < LINE_EVERY_MS) return
    const tasks = [...this.tasks.values()]
    const part = this.pace.isPlanned ? this.standing().part : partOf(tasks)
    if (Math.abs(part - this.said.part) < LINE_EVERY_PART) return
    this.said = { atMs: nowMs, part }
    if (this.pace.isPlanned) say(overallText(this.standing(), this.facts(), byPhase(tasks)))
    else for (const task of tasks) say(taskText(factsOf(task)))
  }

  private standing(): Standing {
    return this.pace.measure(this.now())
  }

  private facts(): RunFacts {
    return {
      limit: this.limit.now,
      memoryBytes: process.memoryUsage.rss(),
      errors: this.errorCount,
    }
  }
}

function verifyOf({ layer, total }: PlannedWork): PlannedWork {
  return { phase: 'verify', layer, total }
}

function partOf(tasks: readonly Task[]): number {
  const total = tasks.reduce((sum, task) => sum + task.total, 0)
  return total === 0 ? 0 : tasks.reduce((sum, task) => sum + task.done, 0) / total
}

function factsOf({ name, done, total, unit, pace }: Task): TaskFacts {
  const { rate, leftS } = pace.measure(total)
  return { name, done, total, unit, rate: rate > 0 ? rate : null, leftS }
}

/** Combines the layers of each phase. */
function byPhase(tasks: readonly Task[]): TaskFacts[] {
  const phases = [...new Set(tasks.map(({ phase }) => phase))]
  return phases.map((phase) => {
    const all = tasks.filter((task) => task.phase === phase).map(factsOf)
    const sum = (pick: (facts: TaskFacts) => number) => all.reduce((total, facts) => total + pick(facts), 0)
    const rate = sum((facts) => facts.rate ?? 0)
    const [done, total] = [sum((facts) => facts.done), sum((facts) => facts.total)]
    return { name: phase, done, total, unit: all[0].unit, rate: rate > 0 ? rate : null, leftS: null }
  })
}
