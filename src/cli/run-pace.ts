import type { PlannedWork, ProgressEvent, ProgressPhase, RunGauges } from '../migrate/progress.js'

/** How far a whole run has come. */
export interface Standing {
  /** The first unfinished part of the run and the number of parts, counted from 1. */
  readonly step: number
  readonly steps: number
  /** The phases of that part. */
  readonly phases: readonly ProgressPhase[]
  /** From 0 to 1. */
  readonly part: number
  readonly elapsedMs: number
  /** Null until there is a measurement. */
  readonly leftMs: number | null
}

/** The parts of a run as people see them. The phases of a part run at the same time. */
const PARTS: readonly (readonly ProgressPhase[])[] = [
  ['cell'],
  ['nodes', 'splices'],
  ['indexes'],
  ['finish'],
  ['verify'],
]
/**
 * Thread time per unit until we have measured it: milliseconds for a row, a splice, a row to verify. Only the ratios
 * matter. From runs with 120,000 and 500,000 synthetic nodes and their history.
 */
const USUAL_MS: Partial<Record<ProgressPhase, number>> = {
  nodes: 0.006,
  splices: 0.004,
  indexes: 0.0015,
  verify: 0.012,
}
/** The share of a comparison that reads rows. Indexes and history come later and are not counted. */
const VERIFY_ROWS_PART = 0.65
/** Phases to compare others with. Indexes are made from nodes. */
const COMPARED = ['nodes', 'splices'] as const
/** How long a whole phase usually takes when only one thread can work on it, in milliseconds. */
const ALONE_MS: Partial<Record<ProgressPhase, number>> = { cell: 700, finish: 400 }
/** The weight of the usual time against the measured one, as a share of a phase: its first pieces say too little. */
const USUAL_WEIGHT: Partial<Record<ProgressPhase, number>> = { nodes: 0.01, splices: 0.01, indexes: 0.1, verify: 0.1 }
/** The window for all measurements is the last quarter of the time so far, with a minimum. */
const WINDOW_PART = 4
const LEAST_WINDOW_MS = 5000
/** A window has at least this many pieces per thread, because large pieces end rarely. */
const LEAST_PIECES = 4
/** When there are more points than this, every other one is dropped. */
const MOST_POINTS = 256
/** A shorter measurement says nothing. */
const LEAST_MEASURED_MS = 1500
/** Of work in progress, or work for one thread, at most this share counts as done before it ends. */
const MOST_UNCOUNTED = 0.9

interface Work {
  readonly phase: ProgressPhase
  total: number
  done: number
  /** What an earlier run did. */
  before: number | null
}

/** A measurement at one moment. */
interface Point {
  readonly atMs: number
  /** Number of finished pieces. */
  readonly pieces: number
  /** What this run has done of each phase, and the thread time for it. */
  readonly done: ReadonlyMap<ProgressPhase, number>
  readonly taskMs: ReadonlyMap<ProgressPhase, number>
  /** Thread time of pieces in progress. */
  readonly runningMs: number
}

/**
 * Estimates how far a whole run has come, and when it ends. Counts all work in thread time: by the measured time per
 * unit of its phase, or, before there is one, by the usual time, scaled like the phases that have been measured.
 * Measures the speed over a sliding window. What an earlier run did counts as done, but not for the speed.
 */
export class RunPace {
  private readonly works = new Map<string, Work>()
  private readonly begunMs = new Map<ProgressPhase, number>()
  /** Thread time per unit, as last measured. */
  private readonly measuredMs = new Map<ProgressPhase, number>()
  /** When every thread had done a piece of a phase: from then on its code runs at full speed. */
  private readonly warm = new Map<ProgressPhase, { readonly pieces: number; readonly point: Point }>()
  private points: Point[] = []
  private pieces = 0
  private bestPart = 0
  /** When the threads began the work that counts. */
  private busyMs: number | null = null
  private gauges: Pick<RunGauges, 'workers' | 'taskMs' | 'runningMs'> = {
    workers: 1,
    taskMs: () => 0,
    runningMs: () => 0,
  }

  /** @param startMs when the run began, by the clock of all other times */
  constructor(private readonly startMs: number) {}

  watch(gauges: Pick<RunGauges, 'workers' | 'taskMs' | 'runningMs'>): void {
    this.gauges = gauges
  }

  plan(planned: readonly PlannedWork[]): void {
    for (const { phase, layer, total } of planned) {
      const key = `${phase} ${layer}`
      const known = this.works.get(key)
      if (known === undefined) this.works.set(key, { phase, total, done: 0, before: null })
      else known.total = total
    }
  }

  /** Whether any work was announced. If not, we do not know the size of the run. */
  get isPlanned(): boolean {
    return this.works.size > 0
  }

  show({ phase, layer, done, total }: ProgressEvent, nowMs: number): void {
    const work = this.works.get(`${phase} ${layer}`)
    if (work === undefined) return
    const part = total === 0 ? 1 : done / total
    work.done = work.total * part * (phase === 'verify' ? VERIFY_ROWS_PART : 1)
    work.before ??= work.done
    // Earlier points, and the time to open all slabs, say nothing about the speed of a comparison.
    if (phase === 'verify' && !this.begunMs.has(phase)) this.points = []
    if (!this.begunMs.has(phase)) this.begunMs.set(phase, nowMs)
    if (USUAL_MS[phase] === undefined) return
    this.pieces++
    this.points.push(this.point(nowMs))
    this.forget(nowMs)
    this.learn(phase)
  }

  measure(nowMs: number): Standing {
    const known = PARTS.map((phases) => this.of(phases)).filter((works) => works.length > 0)
    const open = known.findIndex((works) => works.some(({ done, total }) => done < total))
    const at = open < 0 ? known.length - 1 : open
    const costs = this.costs()
    const sum = (pick: (work: Work) => number) =>
      [...this.works.values()].reduce((total, work) => total + pick(work) * (costs.get(work.phase) ?? 0), 0)
    const aloneMs = this.aloneMs(nowMs)
    const wholeMs = sum(({ total }) => total) / this.gauges.workers + aloneMs.whole
    const doneMs = sum(({ done }) => done) / this.gauges.workers + aloneMs.whole - aloneMs.left
    const part = wholeMs === 0 ? 0 : doneMs / wholeMs
    // The estimated cost per unit keeps changing, but progress must never go back.
    this.bestPart = Math.max(this.bestPart, Math.min(1, part))
    return {
      step: at + 1,
      steps: known.length,
      phases: [...new Set((known[at] ?? []).map(({ phase }) => phase))],
      part: this.bestPart,
      elapsedMs: nowMs - this.startMs,
      leftMs: this.leftMs(
        costs,
        sum(({ done, total }) => total - done),
        aloneMs.left,
        nowMs,
      ),
    }
  }

  private leftMs(
    costs: ReadonlyMap<ProgressPhase, number>,
    openMs: number,
    aloneMs: number,
    nowMs: number,
  ): number | null {
    if (openMs === 0) return this.points.length === 0 ? null : aloneMs
    const first = this.points[0]
    if (first === undefined) return null
    const now = this.point(nowMs)
    const allMs = [...now.taskMs.values()].reduce((sum, ms) => sum + ms, now.runningMs)
    // A resumed run first reads what is there, which says nothing about how many threads will work later.
    if (allMs > 0) this.busyMs ??= nowMs - allMs / this.gauges.workers
    const windowMs = nowMs - Math.max(first.atMs, this.busyMs ?? 0)
    if (this.measuredMs.size === 0 || windowMs < LEAST_MEASURED_MS) return null
    let spentMs = now.runningMs - first.runningMs
    for (const [phase, done] of now.done) {
      const ms = (now.taskMs.get(phase) ?? 0) - (first.taskMs.get(phase) ?? 0)
      // If we have no thread time for a phase, count its units.
      spentMs += this.gauges.taskMs(phase) > 0 ? ms : (done - (first.done.get(phase) ?? 0)) * (costs.get(phase) ?? 0)
    }
    if (spentMs <= 0) return null
    const threads = spentMs / windowMs
    return Math.max(openMs - now.runningMs, (1 - MOST_UNCOUNTED) * openMs) / threads + aloneMs
  }

  private point(atMs: number): Point {
    const { taskMs, runningMs } = this.gauges
    const phases = Object.keys(USUAL_MS) as ProgressPhase[]
    return {
      atMs,
      pieces: this.pieces,
      done: this.doneByPhase(),
      taskMs: new Map(phases.map((phase) => [phase, taskMs(phase)])),
      runningMs: runningMs(),
    }
  }

  /** Updates the time per unit of a phase after a piece has ended. */
  private learn(phase: ProgressPhase): void {
    const last = this.points[this.points.length - 1]
    const warm = this.warm.get(phase) ?? { pieces: 0, point: last }
    if (warm.pieces <= this.gauges.workers) this.warm.set(phase, { pieces: warm.pieces + 1, point: last })
    const isWarm = warm.pieces > this.gauges.workers
    // Its first pieces say less than the usual time, scaled.
    if (!isWarm && this.comparedWith(phase) !== undefined) return
    const first = isWarm && warm.point.atMs > this.points[0].atMs ? warm.point : this.points[0]
    const since = (of: (point: Point) => ReadonlyMap<ProgressPhase, number>) =>
      (of(last).get(phase) ?? 0) - (of(first).get(phase) ?? 0)
    const [units, ms] = [since(({ done }) => done), since(({ taskMs }) => taskMs)]
    if (units > 0 && ms > 0) this.measuredMs.set(phase, ms / units)
  }

  private of(phases: readonly ProgressPhase[]): Work[] {
    return [...this.works.values()].filter(({ phase, total }) => phases.includes(phase) && total > 0)
  }

  private doneByPhase(): Map<ProgressPhase, number> {
    const done = new Map<ProgressPhase, number>()
    for (const work of this.works.values()) {
      if (work.before === null) continue
      done.set(work.phase, (done.get(work.phase) ?? 0) + work.done - work.before)
    }
    return done
  }

  private comparedWith(phase: ProgressPhase): 'nodes' | 'splices' | undefined {
    return COMPARED.find((other) => other !== phase && this.measuredMs.has(other))
  }

  /** Thread time per unit of each phase. */
  private costs(): Map<ProgressPhase, number> {
    const done = this.doneByPhase()
    return new Map(
      (Object.entries(USUAL_MS) as [ProgressPhase, number][]).map(([phase, usual]) => {
        // How this machine and these rows compare with those behind the usual times. Indexes are made from nodes.
        const known = this.comparedWith(phase)
        const scale = known === undefined ? 1 : (this.measuredMs.get(known) ?? 0) / (USUAL_MS[known] ?? 1)
        const measured = this.measuredMs.get(phase)
        if (measured === undefined) return [phase, usual * scale]
        if (known === undefined) return [phase, measured]
        const total = this.of([phase]).reduce((sum, work) => sum + work.total, 0)
        const [units, weight] = [done.get(phase) ?? 0, (USUAL_WEIGHT[phase] ?? 0) * total]
        return [phase, (measured * units + usual * scale * weight) / (units + weight)]
      }),
    )
  }

  /** The time of work that only one thread can do: the whole, and what is left of it. */
  private aloneMs(nowMs: number): { whole: number; left: number } {
    let [whole, left] = [0, 0]
    for (const [phase, ms] of Object.entries(ALONE_MS) as [ProgressPhase, number][]) {
      for (const { done, total } of this.of([phase])) {
        const begun = this.begunMs.get(phase)
        const over = begun === undefined ? 0 : Math.min(MOST_UNCOUNTED, (nowMs - begun) / ms)
        whole += ms
        left += ms * (1 - Math.max(done / total, done < total ? over : 1))
      }
    }
    return { whole, left }
  }

  /** Drops points before the window. */
  private forget(nowMs: number): void {
    const fromMs = nowMs - Math.max(LEAST_WINDOW_MS, (nowMs - this.startMs) / WINDOW_PART)
    const fromPiece = this.pieces - LEAST_PIECES * this.gauges.workers
    // Keep the last point before the window: pieces end rarely, and each must be counted with all of its time.
    const first = this.points.findLastIndex(({ atMs, pieces }) => atMs <= fromMs && pieces <= fromPiece)
    if (first > 0) this.points.splice(0, first)
    const last = this.points.length - 1
    if (last >= MOST_POINTS) this.points = this.points.filter((_, at) => at % 2 === 0 || at === last)
  }
}
