import type { Log } from '../log.js'
import { defaultMemoryBytes, machineLimits } from '../migrate/machine-limits.js'
import { DEFAULT_EDIT_BATCH_SIZE, type MigrateOptions } from '../migrate/options.js'
import type { ProgressEvent } from '../migrate/progress.js'
import { workersWithin } from '../source/memory-plan.js'
import { MIGR_OPS } from '../step/context.js'

/** How long-running work reports to its caller, and how the caller stops it. */
export interface RunControls {
  /** Stops the work when aborted: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
  readonly onProgress?: (event: ProgressEvent) => void
  /** Receives what the command would log. */
  readonly onLog?: Log
}

/** The source and the destination of a migration, and any options that differ from the defaults of `migrate_020`. */
export type MigrateInput = Pick<MigrateOptions, 'srcDir' | 'destDir'> & Partial<MigrateOptions>

/** Adds the defaults of `migrate_020`: all steps, and as many workers as there are cores and memory for. */
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
    onlyLayers: [],
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
 * A promise that only rejects when the signal is aborted; null without a signal.
 *
 * @throws the signal's reason when it is already aborted
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
