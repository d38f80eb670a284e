import { MultiBar, type SingleBar } from 'cli-progress'
import type { Progress, ProgressEvent } from '../migrate/progress.js'
import { TaskPace } from './task-pace.js'

/** How often a line is written where no bars can be drawn. */
const LINE_EVERY_MS = 10_000
const MOST_BAR_COLUMNS = 40
const LEAST_BAR_COLUMNS = 5
/** Where a terminal does not say. */
const USUAL_COLUMNS = 80
/** Wraps long lines, and takes away what is below; bars are cut instead, as nothing may move them. */
const [BEFORE_LOG, BEHIND_LOG] = ['\x1b[?7h\x1b[J', '\x1b[?7l']

interface Task {
  done: number
  total: number
  readonly unit: string
  readonly pace: TaskPace
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
    private readonly out: NodeJS.WritableStream & { readonly columns?: number } = process.stderr,
  ) {}

  show({ phase, layer, done, total, unit }: ProgressEvent): void {
    const name = `${phase} ${layer.slice(0, 8)}`
    if (total === 0) return
    const now = performance.now()
    const task = this.tasks.get(name) ?? { done, total, unit, pace: new TaskPace(done, now), shownMs: now, bar: null }
    Object.assign(task, { done, total })
    task.pace.add(done, now)
    this.tasks.set(name, task)
    if (this.isTerminal) this.draw(name, task)
    else if (now - task.shownMs >= LINE_EVERY_MS) {
      task.shownMs = now
      this.line(lineOf(name, task))
    }
  }

  /** Writes a line of the log: above the bars, if there are any. */
  write(text: string): void {
    if (this.bars === null) this.out.write(text)
    else {
      this.bars.log(`${BEFORE_LOG}${text}${BEHIND_LOG}`)
      // At once, so that a crash loses none.
      this.bars.update()
    }
  }

  /** Takes the bars off the screen. */
  stop(): void {
    this.bars?.stop()
    this.bars = null
    this.tasks.clear()
  }

  private draw(name: string, task: Task): void {
    this.bars ??= new MultiBar({
      format: (_, { progress }, payload) => barLine(payload, progress, this.out.columns ?? USUAL_COLUMNS),
      stream: this.out,
      clearOnComplete: true,
      hideCursor: true,
    })
    const payload = payloadOf(name, task)
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

/**
 * A bar and what is known of its task in one line: what matters less is left out where the terminal is narrow.
 *
 * @param progress the part that is done, from 0 to 1
 */
export function barLine(payload: ReturnType<typeof payloadOf>, progress: number, columns: number): string {
  const { task, count, all, unit, rate, left } = payload
  const facts = [`${Math.floor(100 * progress)}%`, `ETA ${left}`, `${rate} ${unit}/s`, `${count} of ${all} ${unit}`]
  // A terminal wraps when its last column is written.
  const room = columns - 1
  const lineOf = (bar: string, shown: number) =>
    [task, bar, facts.slice(0, shown).join(' | ')].filter(Boolean).join(' ')
  let shown = facts.length
  while (shown > 1 && lineOf('', shown).length > room) shown--
  const barColumns = Math.min(MOST_BAR_COLUMNS, room - lineOf('', shown).length - 1)
  if (barColumns < LEAST_BAR_COLUMNS) return lineOf('', shown).slice(0, room)
  const full = Math.round(progress * barColumns)
  return lineOf('='.repeat(full) + '-'.repeat(barColumns - full), shown)
}

function payloadOf(name: string, task: Task) {
  const { rate, leftS } = task.pace.measure(task.total)
  return {
    task: name,
    count: count(task.done),
    all: count(task.total),
    unit: task.unit,
    rate: count(rate),
    left: time(leftS),
  }
}

function lineOf(name: string, task: Task): string {
  const { rate, leftS } = task.pace.measure(task.total)
  return `${name}: ${count(task.done)} of ${count(task.total)} ${task.unit}, ${count(rate)}/s, about ${time(leftS)} left`
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function time(leftS: number | null): string {
  if (leftS === null) return '?'
  const seconds = Math.round(leftS)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
