import type { PreflightOptions } from '../../src/preflight/preflight.js'
import { MIGR_OPS } from '../../src/step/context.js'

/** Options of a preflight as `migrate_020` has them by default, but for how much of the machine it may take. */
export const PREFLIGHT_OPTIONS: Omit<PreflightOptions, 'destDir'> = {
  ops: new Set(MIGR_OPS),
  orphanLayers: false,
  onlyLayers: [],
  skipLayers: [],
  fromLast: false,
  restart: false,
  dryRun: false,
  modelFiles: [],
  workers: 1,
  memoryBytes: 2 ** 28,
}
