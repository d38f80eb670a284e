import type { RowDifference } from './tasks/verify-rows.js'

/** A difference between the destination and what the source says it should be. */
export interface Difference extends Omit<RowDifference, 'db'> {
  /** Null when it is about the cell as a whole. */
  readonly layer: string | null
  /** `hive` or a database, a slab (`layer_v2.lmdb` …), or `errors` for records of the migration log. */
  readonly place: string
}

/** The result for one layer. */
export interface LayerReport {
  readonly iden: string
  readonly nodes: number
  /** Rows of the nodes, of the indexes, and of node data. */
  readonly rows: number
  readonly indexRows: number
  readonly nodedata: number
  readonly splices: number
  readonly nodeEdits: number
  /** What was not migrated and is in the migration log. */
  readonly errors: number
  readonly differenceCount: number
}

/** The result for the Cortex without its layers. */
export interface CellReport {
  /** Rows of the hive, the queues, and the records of cell steps in the migration log. */
  readonly compared: number
  readonly files: number
  /** Copied slabs that were compared row by row. */
  readonly slabs: number
  readonly differenceCount: number
}

export interface VerifyReport {
  readonly srcDir: string
  readonly destDir: string
  /** How many nodes were chosen in each layer; null when all were compared. */
  readonly sample: number | null
  readonly layers: readonly LayerReport[]
  readonly cell: CellReport
  /** The described differences; if there are very many, only the first ones. */
  readonly differences: readonly Difference[]
  readonly differenceCount: number
  /** Errors of all steps in the migration log, without notes, counted as `errors` does. */
  readonly errorCount: number
  /** False when index rows differ in so many places that we did not list all: the count is then a minimum. */
  readonly isCountExact: boolean
  /** Why differences are expected: someone has used the destination or the source since. */
  readonly expected: readonly string[]
  /** What was not compared, in words: "No differences" does not cover it. */
  readonly notCompared: readonly string[]
  readonly elapsedMs: number
}
