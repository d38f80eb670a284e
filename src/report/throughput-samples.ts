import type { PlannedWork, Progress, ProgressEvent, RunGauges } from '../migrate/progress.js'
import type { RunRecord } from './run-history.js'

const FIRST_INTERVAL_MS = 1000
/** When there are more samples than this, every other one is dropped and the interval doubles. */
const MOST_SAMPLES = 200

type WaitSample = NonNullable<RunRecord['waits']>[number]

/** Samples of one kind: about as many for a long run as for a short one. */
interface Timed<Sample> {
  intervalMs: number
  dueMs: number
  samples: Sample[]
}

interface Phase extends Timed<RunRecord['samples'][number]> {
  /** How much of each layer is done. */
  readonly doneBy: Map<string, number>
}

/** Passes progress on, and regularly samples how far each phase has come and what the threads wait for. */
export class ThroughputSamples implements Progress {
  private readonly inner: Progress
  private readonly startedMs = performance.now()
  private readonly phases = new Map<string, Phase>()
  private readonly threads: Timed<WaitSample> = { intervalMs: FIRST_INTERVAL_MS, dueMs: 0, samples: [] }
  private gauges: RunGauges | null = null

  constructor(inner: Progress) {
    this.inner = inner
  }

  plan(work: readonly PlannedWork[]): void {
    this.inner.plan?.(work)
  }

  watch(gauges: RunGauges): void {
    this.inner.watch?.(gauges)
    this.gauges = gauges
  }

  show(event: ProgressEvent): void {
    this.inner.show(event)
    const { phase, layer, done, unit } = event
    // A few steps are not worth a curve.
    if (unit === 'steps') return
    const known: Phase = this.phases.get(phase) ?? {
      intervalMs: FIRST_INTERVAL_MS,
      dueMs: 0,
      doneBy: new Map(),
      samples: [],
    }
    this.phases.set(phase, known)
    known.doneBy.set(layer, done)
    const elapsedMs = Math.round(performance.now() - this.startedMs)
    add(known, elapsedMs, () => {
      const sum = [...known.doneBy.values()].reduce((total, count) => total + count, 0)
      return { elapsedMs, phase, unit, done: sum }
    })
    add(this.threads, elapsedMs, () => this.waitsAt(elapsedMs))
  }

  errors(count: number): void {
    this.inner.errors?.(count)
  }

  /** All samples, phase by phase. */
  get samples(): RunRecord['samples'] {
    return [...this.phases.values()].flatMap(({ samples }) => samples)
  }

  /** How the worker threads spent their time so far. */
  get waits(): WaitSample[] {
    const last = this.waitsAt(Math.round(performance.now() - this.startedMs))
    return [...this.threads.samples, ...(last === null ? [] : [last])]
  }

  private waitsAt(elapsedMs: number): WaitSample | null {
    if (this.gauges === null) return null
    const { workMs, writerMs, diskMs, idleMs } = this.gauges.waits()
    const round = Math.round
    return { elapsedMs, workMs: round(workMs), writerMs: round(writerMs), diskMs: round(diskMs), idleMs: round(idleMs) }
  }
}

/** Takes a sample if one is due. */
function add<Sample>(timed: Timed<Sample>, elapsedMs: number, sample: () => Sample | null): void {
  if (elapsedMs < timed.dueMs) return
  const taken = sample()
  if (taken === null) return
  timed.dueMs = elapsedMs + timed.intervalMs
  timed.samples.push(taken)
  if (timed.samples.length < MOST_SAMPLES) return
  timed.samples = timed.samples.filter((_, at) => at % 2 === 0)
  timed.intervalMs *= 2
}
