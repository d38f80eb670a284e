import type { DestCell } from '../dest/dest-cell.js'
import type { MigrationLog } from '../dest/migration-log.js'

/** The steps of a migration in the order in which they run. */
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

export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR'

/** The version that a migrated Cortex has: every 0.2.x and 2.x release accepts it. */
export const DEST_VERSION = [0, 2, 0] as const

/** What every step is given. */
export interface StepContext {
  readonly srcDir: string
  readonly destDir: string
  readonly ops: ReadonlySet<MigrOp>
  /** Idens of the layers to migrate, sorted. */
  readonly layers: readonly string[]
  readonly log: (level: LogLevel, text: string) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly migrlog: MigrationLog
  readonly cell: DestCell
}

/** Notes that a step is done; the reference's key for a step without layers is `none`. */
export function recordProgress({ migrlog, now }: StepContext, migrop: MigrOp, key = 'none'): void {
  migrlog.put({ migrop, logtyp: 'prog', key, val: now() })
}
