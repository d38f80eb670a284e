import type { RowDifference } from './tasks/verify-rows.js'

/** Something in the destination that is not as the source has it. */
export interface Difference extends Omit<RowDifference, 'db'> {
  /** Null for what belongs to the cell as a whole. */
  readonly layer: string | null
  /** `hive` or a database, a slab (`layer_v2.lmdb` …), or `errors` for records of the migration log. */
  readonly place: string
}

/** What was compared of one layer. */
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

/** What was compared of the Cortex beside its layers. */
export interface CellReport {
  /** Rows of the hive, the queues, and the records of cell steps in the migration log. */
  readonly compared: number
  readonly files: number
  /** Slabs that are only copied, row by row. */
  readonly slabs: number
  readonly differenceCount: number
}

export interface VerifyReport {
  readonly srcDir: string
  readonly destDir: string
  /** How many nodes were chosen of each layer; null when all was compared. */
  readonly sample: number | null
  readonly layers: readonly LayerReport[]
  readonly cell: CellReport
  /** All that were described; of a great many only the first. */
  readonly differences: readonly Difference[]
  readonly differenceCount: number
  /** Errors of all steps that the migration log has, without notes, as `errors` counts them. */
  readonly errorCount: number
  /** False when index rows differ in so many places that not all were listed: there are at least so many differences. */
  readonly isCountExact: boolean
  /** Why differences are to be expected: somebody has worked with the destination or the source since. */
  readonly expected: readonly string[]
  /** What was not looked at, in words: "No differences" says nothing about it. */
  readonly notCompared: readonly string[]
  readonly elapsedMs: number
}
