import type { WaitTotals } from '../thread/run-load.js'

/** Kinds of long work. `cell` and `finish` are the work for the whole Cortex before and after its layers. */
export type ProgressPhase = 'cell' | 'nodes' | 'indexes' | 'splices' | 'finish' | 'verify' | 'count'

/** Progress of long work. */
export interface ProgressEvent {
  readonly phase: ProgressPhase
  /** The iden of the layer; empty for the whole Cortex. */
  readonly layer: string
  /** How much is done, and the total; starts with `0`. */
  readonly done: number
  readonly total: number
  /** The unit: rows of the source, nodes, splices, parts of the index databases, steps. */
  readonly unit: 'rows' | 'nodes' | 'splices' | 'parts' | 'steps'
}

/** Work to come, with its exact size. */
export interface PlannedWork {
  readonly phase: ProgressPhase
  readonly layer: string
  /** In the unit of its events; for `indexes`, the source rows that they are made from. */
  readonly total: number
}

/** Measurements of a run, available at any time. */
export interface RunGauges {
  readonly workers: number
  /** How the worker threads spent their time so far. */
  waits(): WaitTotals
  /** Worker thread time of finished pieces of a phase, in milliseconds. */
  taskMs(phase: ProgressPhase): number
  /** The same for pieces in progress. */
  runningMs(): number
}

/** Receives the progress of long work: a screen, or a caller of the API. */
export interface Progress {
  show(event: ProgressEvent): void
  /** @param count values that could not be migrated so far, in all layers and steps */
  errors?(count: number): void
  /** Announces work to come. Called again when more of it is known. */
  plan?(work: readonly PlannedWork[]): void
  /** Gives access to the measurements of a run. */
  watch?(gauges: RunGauges): void
}
