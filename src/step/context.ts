import type { CellFiles } from '../dest/cell-files.js'
import type { DestCell } from '../dest/dest-cell.js'
import type { DestQueues } from '../dest/dest-queues.js'
import type { MigrationLog } from '../dest/migration-log.js'

/** The steps of a migration, in order. */
export const MIGR_OPS = [
  'dirn',
  'cell',
  'dmodel',
  'hivelyr',
  'triggers',
  'cron',
  'hiveauth',
  'hivestor',
  'queues',
  'nodes',
  'nodedata',
  'splices',
] as const

export type MigrOp = (typeof MIGR_OPS)[number]

/** Steps that work on each layer separately. */
export const LAYER_STEPS = ['nodes', 'nodedata', 'splices'] as const satisfies readonly MigrOp[]

export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR'

/** The version that a migrated Cortex has. Every 0.2.x and 2.x release accepts it. */
export const DEST_VERSION = [0, 2, 0] as const

/**
 * What every step receives, and everything that it works on. `verify` passes the source in memory, and compares the
 * result with the destination.
 */
export interface StepContext {
  readonly destDir: string
  readonly ops: ReadonlySet<MigrOp>
  /** Idens of the layers to migrate, sorted. */
  readonly layers: readonly string[]
  readonly log: (level: LogLevel, text: string) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly migrlog: MigrationLog
  readonly cell: DestCell
  readonly files: CellFiles
  /** Opens the queues on first use. */
  readonly queues: () => Promise<DestQueues>
  /** Problems of the extended model, such as `ext prop (inet:fqdn:_x) error: …`. */
  readonly modelWarnings: readonly string[]
  /** Whether the destination's memory should be locked. */
  readonly destDedicated: boolean
}
