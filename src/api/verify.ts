import type { VerifyReport } from '../verify/report.js'
import { type VerifyOptions, verifyMigration } from '../verify/verifier.js'
import { abortOf, type RunControls, withDefaults } from './run-options.js'

/** Source and destination, and any options that differ from the defaults of `synapse-migrator verify`. */
export type VerifyInput = Pick<VerifyOptions, 'srcDir' | 'destDir'> & Partial<VerifyOptions>

/**
 * Compares a migrated Cortex with its source, like `synapse-migrator verify`. Writes to neither.
 *
 * @throws {MigrationError} when the two cannot be compared
 */
export async function verify(input: VerifyInput, controls: RunControls = {}): Promise<VerifyReport> {
  const { srcDir, destDir, workers, memoryBytes, modelFiles } = withDefaults(input)
  const { sample = null, checkpointPath = null, onlyLayers = [] } = input
  const unit = sample === null ? 'rows' : 'nodes'
  return verifyMigration(
    { srcDir, destDir, workers, memoryBytes, modelFiles, sample, checkpointPath, onlyLayers },
    {
      progress: (layer, done, total) => controls.onProgress?.({ phase: 'verify', layer, done, total, unit }),
      note: (text) => controls.onLog?.('INFO', text),
    },
    abortOf(controls.signal),
  )
}
