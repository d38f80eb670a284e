import { MultiBar, type SingleBar } from 'cli-progress'
import type { Progress, ProgressEvent } from '../migrate/progress.js'

/** How often a line is written where no bars can be drawn. */
const LINE_EVERY_MS = 10_000
const BAR = '{task} {bar} {percentage}% | {count} of {all} {unit} | {rate}/s | ETA {left}'

interface Task {
  done: number
  total: number
  readonly unit: string
  readonly startedMs: number
  shownMs: number
  bar: SingleBar | null
}

/** A bar for each task on a terminal, a plain line now and then elsewhere; both on standard error. */
export class ProgressScreen implements Progress {
  private readonly tasks = new Map<string, Task>()
  private bars: MultiBar | null = null

  constructor(
    private readonly isTerminal: boolean,
    private readonly line: (text: string) => void,
    private readonly out: NodeJS.WritableStream = process.stderr,
  ) {}

  show({ phase, layer, done, total, unit }: ProgressEvent): void {
    const name = `${phase} ${layer.slice(0, 8)}`
    if (total === 0) return
    const now = Date.now()
    const task = this.tasks.get(name) ?? { done, total, unit, startedMs: now, shownMs: now, bar: null }
    Object.assign(task, { done, total })
    this.tasks.set(name, task)
    if (this.isTerminal) this.draw(name, task, now)
    else if (now - task.shownMs >= LINE_EVERY_MS) {
      task.shownMs = now
      this.line(lineOf(name, task, now))
    }
  }

  /** Writes a line of the log: above the bars, if there are any. */
  write(text: string): void {
    if (this.bars === null) this.out.write(text)
    else this.bars.log(text)
  }

  /** Takes the bars off the screen. */
  stop(): void {
    this.bars?.stop()
    this.bars = null
    this.tasks.clear()
  }

  private draw(name: string, task: Task, now: number): void {
    this.bars ??= new MultiBar({ format: BAR, stream: this.out, clearOnComplete: true, hideCursor: true })
    const payload = payloadOf(name, task, now)
    task.bar ??= this.bars.create(task.total, task.done, payload)
    task.bar.update(task.done, payload)
    if (task.done < task.total) return
    this.bars.remove(task.bar)
    this.tasks.delete(name)
    if ([...this.tasks.values()].some(({ bar }) => bar !== null)) return
    this.bars.stop()
    this.bars = null
  }
}

function payloadOf(name: string, task: Task, now: number) {
  const { rate, leftS } = paceOf(task, now)
  return {
    task: name,
    count: count(task.done),
    all: count(task.total),
    unit: task.unit,
    rate: count(rate),
    left: time(leftS),
  }
}

function lineOf(name: string, task: Task, now: number): string {
  const { rate, leftS } = paceOf(task, now)
  return `${name}: ${count(task.done)} of ${count(task.total)} ${task.unit}, ${count(rate)}/s, about ${time(leftS)} left`
}

function paceOf({ done, total, startedMs }: Task, now: number): { rate: number; leftS: number | null } {
  const rate = (done * 1000) / Math.max(1, now - startedMs)
  return { rate, leftS: rate > 0 ? Math.round((total - done) / rate) : null }
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function time(seconds: number | null): string {
  if (seconds === null) return '?'
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
