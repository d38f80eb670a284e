import { SingleBar } from 'cli-progress'

/** How often a line is written where no bar can be drawn. */
const LINE_EVERY_MS = 10_000
const BAR = '{task} {bar} {percentage}% | {value}/{total} {unit} | {rate}/s | ETA {eta_formatted}'

export interface Progress {
  /** What is worked on, how much of it is done, and of how much. */
  show(task: string, done: number, total: number, unit: string): void
  stop(): void
}

/** A bar per task on a terminal, a plain line now and then elsewhere; both on standard error. */
export class ProgressScreen implements Progress {
  private readonly tasks = new Map<
    string,
    { done: number; total: number; unit: string; startedMs: number; shownMs: number }
  >()
  private bar: SingleBar | null = null
  private shown = ''

  constructor(
    private readonly isTerminal: boolean,
    private readonly line: (text: string) => void,
  ) {}

  show(name: string, done: number, total: number, unit: string): void {
    const now = Date.now()
    const task = this.tasks.get(name) ?? { done, total, unit, startedMs: now, shownMs: now }
    Object.assign(task, { done, total })
    this.tasks.set(name, task)
    if (this.isTerminal) this.draw(name)
    else if (now - task.shownMs >= LINE_EVERY_MS) {
      task.shownMs = now
      this.line(lineOf(name, task, now))
    }
  }

  /** Takes the bar off the screen, so that a line can be written; it comes back with the next progress. */
  hide(): void {
    this.bar?.stop()
    this.bar = null
  }

  stop(): void {
    this.hide()
    this.tasks.clear()
  }

  private draw(name: string): void {
    if (this.shown !== name) this.hide()
    this.shown = name
    const task = this.tasks.get(name)
    if (task === undefined) return
    const rate = Math.round((task.done * 1000) / Math.max(1, Date.now() - task.startedMs)).toLocaleString('en-US')
    const payload = { task: name, unit: task.unit, rate }
    if (this.bar === null) {
      this.bar = new SingleBar({
        format: BAR,
        stream: process.stderr,
        clearOnComplete: true,
        hideCursor: true,
        etaBuffer: 50,
      })
      this.bar.start(task.total, task.done, payload)
    }
    this.bar.update(task.done, payload)
    if (task.done >= task.total) {
      this.hide()
      this.tasks.delete(name)
    }
  }
}

function lineOf(
  name: string,
  task: { done: number; total: number; unit: string; startedMs: number },
  now: number,
): string {
  const elapsedS = Math.max(0.001, (now - task.startedMs) / 1000)
  const rate = task.done / elapsedS
  const leftS = rate > 0 ? Math.round((task.total - task.done) / rate) : 0
  const count = (n: number) => Math.round(n).toLocaleString('en-US')
  return `${name}: ${count(task.done)} of ${count(task.total)} ${task.unit}, ${count(rate)}/s, about ${leftS} s left`
}
