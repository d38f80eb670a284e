import type { Tasks } from '../tasks.js'
import type { Credits } from '../thread/chunk-sender.js'
import { RunLoad } from '../thread/run-load.js'
import type { TaskWatch } from '../thread/running-tasks.js'
import type { PlannedWork, Progress, ProgressEvent, ProgressPhase } from './progress.js'

/** How many steps there are before and after the layers. */
const STEPS = { cell: 3, finish: 6 } as const
/** Tasks whose time counts toward a phase. */
const PHASE_TASKS: Partial<Record<ProgressPhase, readonly (keyof Tasks)[]>> = {
  nodes: ['extractNodes', 'mergeRunFiles'],
  splices: ['extractSpliceRange'],
  indexes: ['mergeRuns', 'copyNodedata'],
}

/** Reports how far a run has come, and what its threads are doing. */
export class RunProgress {
  private readonly load: RunLoad

  constructor(
    private readonly progress: Progress,
    workers: number,
  ) {
    const load = new RunLoad(workers)
    this.load = load
    progress.watch?.({
      workers,
      waits: () => load.waits,
      taskMs: (phase) => (PHASE_TASKS[phase] ?? []).reduce((sum, name) => sum + load.taskMs(name), 0),
      runningMs: () => load.runningMs,
    })
  }

  /** Watches tasks of the worker threads. */
  tasks(running: TaskWatch): TaskWatch {
    return { begin: (name, input) => both(running.begin(name, input), this.load.beginTask(name)) }
  }

  /** Watches calls of the writer. */
  calls(running: TaskWatch): TaskWatch {
    return { begin: (name, input) => both(running.begin(name, input), this.load.beginCall(name)) }
  }

  watch(credits: Credits): void {
    this.load.watch(credits)
  }

  planCell(): void {
    this.plan(Object.entries(STEPS).map(([phase, total]) => ({ phase: phase as keyof typeof STEPS, layer: '', total })))
  }

  plan(work: readonly PlannedWork[]): void {
    this.progress.plan?.(work)
  }

  show(event: ProgressEvent): void {
    this.progress.show(event)
  }

  /** Returns a function to call after each step. */
  steps(phase: keyof typeof STEPS): () => void {
    const total = STEPS[phase]
    let done = 0
    const show = () => this.show({ phase, layer: '', done, total, unit: 'steps' })
    show()
    return () => {
      done++
      show()
    }
  }
}

function both(first: () => void, second: () => void): () => void {
  return () => {
    first()
    second()
  }
}
