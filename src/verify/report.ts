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

export interface VerifyReport {
  readonly srcDir: string
  readonly destDir: string
  /** How many nodes were chosen of each layer; null when all was compared. */
  readonly sample: number | null
  readonly layers: readonly LayerReport[]
  /** Entries of hive and queues that were compared; null when no step has made them, or of a sample. */
  readonly cell: { readonly compared: number; readonly differenceCount: number } | null
  /** All that were described; of a great many only the first. */
  readonly differences: readonly Difference[]
  readonly differenceCount: number
  /** False when index rows differ in so many places that not all were listed: there are at least so many differences. */
  readonly isCountExact: boolean
  /** Why differences are to be expected: somebody has worked with the destination or the source since. */
  readonly expected: readonly string[]
  readonly elapsedMs: number
}
