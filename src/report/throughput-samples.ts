import type { PlannedWork, Progress, ProgressEvent, RunGauges } from '../migrate/progress.js'
import type { RunRecord } from './run-history.js'

const FIRST_INTERVAL_MS = 1000
/** Beyond so many samples every other one is dropped, and the interval doubles. */
const MOST_SAMPLES = 200

interface Phase {
  intervalMs: number
  dueMs: number
  /** How much of each layer is done. */
  readonly doneBy: Map<string, number>
  samples: RunRecord['samples'][number][]
}

/** Passes progress on, and notes now and then how far each phase has come. */
export class ThroughputSamples implements Progress {
  private readonly inner: Progress
  private readonly startedMs = performance.now()
  private readonly phases = new Map<string, Phase>()

  constructor(inner: Progress) {
    this.inner = inner
  }

  plan(work: readonly PlannedWork[]): void {
    this.inner.plan?.(work)
  }

  watch(gauges: RunGauges): void {
    this.inner.watch?.(gauges)
  }

  show(event: ProgressEvent): void {
    this.inner.show(event)
    const { phase, layer, done, unit } = event
    // A few steps are no throughput.
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
    if (elapsedMs < known.dueMs) return
    known.dueMs = elapsedMs + known.intervalMs
    const sum = [...known.doneBy.values()].reduce((total, count) => total + count, 0)
    known.samples.push({ elapsedMs, phase, unit, done: sum })
    if (known.samples.length < MOST_SAMPLES) return
    known.samples = known.samples.filter((_, at) => at % 2 === 0)
    known.intervalMs *= 2
  }

  errors(count: number): void {
    this.inner.errors?.(count)
  }

  /** All that was noted, phase by phase. */
  get samples(): RunRecord['samples'] {
    return [...this.phases.values()].flatMap(({ samples }) => samples)
  }
}
