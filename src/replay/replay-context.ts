import type { AcceptedErrors } from '../dest/accepted-errors.js'
import type { Log } from '../log.js'
import type { Progress } from '../migrate/progress.js'
import type { ModelData } from '../model/model.js'
import type { ModelFile } from '../model/model-file.js'
import type { SourceCortex } from '../source/cortex-dir.js'
import type { TaskPool } from '../thread/task-pool.js'
import type { WriterClient } from '../thread/writer-client.js'

export interface ReplayOptions {
  readonly srcDir: string
  readonly destDir: string
  readonly workers: number
  readonly memoryBytes: number
  readonly modelFiles: readonly ModelFile[]
  /** Errors that do not count as open; null: all count. */
  readonly acceptedErrors: AcceptedErrors | null
  /** Node edits per row of the nexus log, if the migration wrote one. */
  readonly editBatchSize: number
  /** Nodes per transaction; for tests. */
  readonly batchNodes?: number
}

/** What every part of a replay needs. */
export interface ReplayContext {
  readonly options: ReplayOptions
  readonly source: SourceCortex
  readonly model: ModelData
  readonly pool: TaskPool
  readonly writer: WriterClient
  readonly log: Log
  readonly progress: Progress
}
