import type { AcceptedErrors } from '../dest/accepted-errors.js'
import type { ModelFile } from '../model/model-file.js'
import type { FanIn } from '../run/run-levels.js'
import type { MigrOp } from '../step/context.js'

export const ADD_MODES = ['nexus', 'nonexus', 'editor'] as const

export type AddMode = (typeof ADD_MODES)[number]

/** Node edits per entry of the nexus log. */
export const DEFAULT_EDIT_BATCH_SIZE = 100

/** How finely to cut the work, in bytes. Defaults follow from the memory budget. For tests. */
export interface PieceSizes {
  /** Source bytes per partition of nodes. */
  readonly partitionBytes?: number
  /** Source bytes of the partitions that one task translates. */
  readonly taskBytes?: number
  /** Bytes per merge task. */
  readonly unitBytes?: number
  /** How many runs to merge at once. */
  readonly fanIn?: FanIn
  /** Source bytes per range of splices. */
  readonly rangeBytes?: number
}

/** The options of a migration, from the command line, checked. */
export interface MigrateOptions {
  readonly srcDir: string
  readonly destDir: string
  readonly ops: ReadonlySet<MigrOp>
  readonly nodelim: number | null
  readonly addMode: AddMode
  /** Node edits per row of the nexus log; no effect in other modes. */
  readonly editBatchSize: number
  readonly safetyOff: boolean
  readonly fromLast: boolean
  /** Whether to read the source's slabs into the page cache first. */
  readonly srcDedicated: boolean
  readonly destDedicated: boolean
  readonly mapPartial: boolean
  /** Whether to migrate layer directories that are not in the hive. */
  readonly orphanLayers: boolean
  /** The only layers whose nodes, node data and splices to migrate; empty: all. */
  readonly onlyLayers: readonly string[]
  /** Layers of the source to leave empty in the destination, readable or not. */
  readonly skipLayers: readonly string[]
  /** Whether to replace what the destination holds, whichever tool made it. */
  readonly restart: boolean
  /** Whether to translate everything and write nothing. */
  readonly dryRun: boolean
  /** Errors that do not cause exit code 8; null: all do. */
  readonly acceptedErrors: AcceptedErrors | null
  /** Stop the run when there are more errors; null: no limit. */
  readonly maxErrors: number | null
  readonly workers: number
  readonly memoryBytes: number
  readonly pieces?: PieceSizes
  /** Model files from `--model`, which replace Python modules. */
  readonly modelFiles: readonly ModelFile[]
}
