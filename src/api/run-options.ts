import type { Log } from '../log.js'
import { defaultMemoryBytes, machineLimits } from '../migrate/machine-limits.js'
import { DEFAULT_EDIT_BATCH_SIZE, type MigrateOptions } from '../migrate/options.js'
import type { ProgressEvent } from '../migrate/progress.js'
import { workersWithin } from '../source/memory-plan.js'
import { MIGR_OPS } from '../step/context.js'

/** What long work tells its caller, and how the caller ends it. */
export interface RunControls {
  /** Ends the work when it is aborted: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
  readonly onProgress?: (event: ProgressEvent) => void
  /** Takes what the command would log. */
  readonly onLog?: Log
}

/** The source and the destination of a migration, and whatever shall not be as `migrate_020` has it by default. */
export type MigrateInput = Pick<MigrateOptions, 'srcDir' | 'destDir'> & Partial<MigrateOptions>

/** Options with the defaults of `migrate_020`: all steps, as many workers as there are cores and as the memory has room for. */
export function withDefaults(input: MigrateInput): MigrateOptions {
  const limits = machineLimits()
  const { workers = limits.cores, memoryBytes = defaultMemoryBytes(limits) } = input
  return {
    ops: new Set(MIGR_OPS),
    nodelim: null,
    addMode: 'nonexus',
    editBatchSize: DEFAULT_EDIT_BATCH_SIZE,
    safetyOff: false,
    fromLast: false,
    srcDedicated: false,
    destDedicated: false,
    mapPartial: true,
    orphanLayers: false,
    skipLayers: [],
    restart: false,
    dryRun: false,
    maxErrors: null,
    acceptedErrors: null,
    modelFiles: [],
    ...input,
    memoryBytes,
    workers: workersWithin(workers, memoryBytes),
  }
}

/**
 * A promise that rejects when the signal is aborted, and does nothing else; null without a signal.
 *
 * @throws the signal's reason when it is aborted already
 */
export function abortOf(signal: AbortSignal | undefined): Promise<never> | null {
  if (signal === undefined) return null
  signal.throwIfAborted()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  aborted.catch(() => {})
  return aborted
}
