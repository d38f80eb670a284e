import { encode, type Value } from '../bytes/msgpack.js'
import type { Log } from '../log.js'
import type { ModelData } from '../model/model.js'
import type { SourceCortex } from '../source/cortex-dir.js'
import type { MigrOp } from '../step/context.js'
import type { LayerWriterPort } from '../writer/layer-writer.js'
import type { DifferenceCounts } from './differences.js'
import type { JobEvents } from './layer-job.js'
import type { MadeParts } from './layer-plan.js'
import type { MigrateOptions, PieceSizes } from './options.js'
import type { ProgressEvent } from './progress.js'
import type { StreamThreads } from './stream-task.js'
import type { LayerSummary } from './summary.js'

/** A layer to migrate, and how. */
export interface LayerInput {
  readonly iden: string
  readonly srcDir: string
  readonly destDir: string
  readonly model: ModelData
  readonly fromLast: boolean
  /** What other processes have made of it; null when this one does all of it. */
  readonly made: MadeParts | null
  readonly pieces: PieceSizes
}

/** What each layer step receives. */
export interface LayerContext {
  readonly layer: LayerInput
  readonly source: SourceCortex
  readonly options: MigrateOptions
  readonly threads: StreamThreads
  readonly log: Log
  readonly show: (event: ProgressEvent) => void
  /** Receives the number of errors that are now in the migration log. If it throws, the run stops. */
  readonly errors: (count: number) => void
  /** Receives how often it differed from the reference. */
  readonly differences: (counts: DifferenceCounts) => void
}

export type LayerCounts = Omit<LayerSummary, 'iden'>

/** A layer step. Returns its counts. */
export type LayerWork = (context: LayerContext) => Promise<Partial<LayerCounts>>

/** Step, kind, key and value. */
export type LogRow = readonly [migrop: MigrOp, logtyp: string, key: string, value: Value]

/** Stores rows of the migration log in one commit. */
export function recordRows(writer: LayerWriterPort, ...rows: LogRow[]): Promise<void> {
  return writer.call('record', {
    records: rows.map(([migrop, logtyp, key, value]) => ({ migrop, logtyp, key, value: encode(value) })),
  })
}

/** Passes the events of a job on to the run. */
export function jobEvents({ log, errors }: LayerContext): JobEvents {
  return { warn: (text) => log('WARNING', text), info: (text) => log('INFO', text), errors }
}
