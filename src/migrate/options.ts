import type { AcceptedErrors } from '../dest/accepted-errors.js'
import type { ModelFile } from '../model/model-file.js'
import type { FanIn } from '../run/run-levels.js'
import type { MigrOp } from '../step/context.js'

export const ADD_MODES = ['nexus', 'nonexus', 'editor'] as const

export type AddMode = (typeof ADD_MODES)[number]

/** Node edits per entry of the nexus log. */
export const DEFAULT_EDIT_BATCH_SIZE = 100

/** How finely the work is cut, in bytes; what is not given follows from the memory budget. Only tests give it. */
export interface PieceSizes {
  /** Source pages of one partition of nodes. */
  readonly partitionBytes?: number
  /** Rows of one merge task. */
  readonly unitBytes?: number
  /** How many runs are merged at once. */
  readonly fanIn?: FanIn
  /** Source pages of one range of splices. */
  readonly rangeBytes?: number
}

/** What a migration is asked to do; the command line's options, checked. */
export interface MigrateOptions {
  readonly srcDir: string
  readonly destDir: string
  readonly ops: ReadonlySet<MigrOp>
  readonly nodelim: number | null
  readonly addMode: AddMode
  /** Node edits per row of the nexus log; without effect in other modes. */
  readonly editBatchSize: number
  readonly safetyOff: boolean
  readonly fromLast: boolean
  /** Whether to read the source's slabs into the page cache first. */
  readonly srcDedicated: boolean
  readonly destDedicated: boolean
  readonly mapPartial: boolean
  /** Whether to migrate layer directories that the hive does not know. */
  readonly orphanLayers: boolean
  /** Layers of the source that stay empty in the destination, whether they can be read or not. */
  readonly skipLayers: readonly string[]
  /** Whether what the destination holds is replaced, whoever has made it. */
  readonly restart: boolean
  /** Whether to translate everything and write nothing. */
  readonly dryRun: boolean
  /** Errors that do not make the exit code 8; null: all do. */
  readonly acceptedErrors: AcceptedErrors | null
  /** More errors than these stop the run; null is no limit. */
  readonly maxErrors: number | null
  readonly workers: number
  readonly memoryBytes: number
  readonly pieces?: PieceSizes
  /** Model files given with `--model`: what Python modules would add. */
  readonly modelFiles: readonly ModelFile[]
}
