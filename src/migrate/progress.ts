import type { WaitTotals } from '../thread/run-load.js'

/** Kinds of long work: `cell` and `finish` are what is done for the Cortex as a whole, before and after its layers. */
export type ProgressPhase = 'cell' | 'nodes' | 'indexes' | 'splices' | 'finish' | 'verify' | 'count'

/** How far long work has come. */
export interface ProgressEvent {
  readonly phase: ProgressPhase
  /** The iden of the layer; empty where it is about the Cortex as a whole. */
  readonly layer: string
  /** How much is done, of how much: `0` of all when it starts. */
  readonly done: number
  readonly total: number
  /** What is counted: rows of the source, nodes, splices, parts of the index databases, steps. */
  readonly unit: 'rows' | 'nodes' | 'splices' | 'parts' | 'steps'
}

/** Work that lies ahead, its size exactly known. */
export interface PlannedWork {
  readonly phase: ProgressPhase
  readonly layer: string
  /** In units of its events; of `indexes` the rows of the source that they are made of. */
  readonly total: number
}

/** What can be measured of a run at any time. */
export interface RunGauges {
  readonly workers: number
  /** What the worker threads did with their time so far. */
  waits(): WaitTotals
  /** Time of worker threads that finished pieces of a phase have taken, in milliseconds. */
  taskMs(phase: ProgressPhase): number
  /** The same of pieces that are under way. */
  runningMs(): number
}

/** Who is told how far long work has come: a screen, or a caller of the API. */
export interface Progress {
  show(event: ProgressEvent): void
  /** @param count values that could not be migrated so far, of all layers and steps together */
  errors?(count: number): void
  /** Tells what lies ahead; called more than once when more of it is known. */
  plan?(work: readonly PlannedWork[]): void
  /** Tells where a run can be measured. */
  watch?(gauges: RunGauges): void
}
