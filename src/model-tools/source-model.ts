import { Model } from '../model/model.js'
import type { ModelFile } from '../model/model-file.js'
import { readExtModel, readSource } from '../source/cortex-dir.js'

/**
 * The model that a migration uses for a 0.1.x Cortex directory: what is built in, and what its hive adds.
 *
 * @throws {MigrationError} ERR_SOURCE when it is not a Cortex directory
 */
export function sourceModel(dir: string): { file: ModelFile; newer: string | null; warnings: string[] } {
  const { hive, newer } = readSource(dir)
  const model = Model.core()
  const warnings = model.addExtendedModel(readExtModel(hive))
  return { file: model.toFile(), newer, warnings }
}
