import { MigrationError } from '../errors.js'
import { Model, type ModelData } from '../model/model.js'
import type { ModelFile } from '../model/model-file.js'
import { ModelError } from '../norm-error.js'
import { readExtModel, type SourceCortex } from './cortex-dir.js'

/**
 * The model of a Cortex: what Synapse ships, plus model files for custom modules, plus the extended model of its hive.
 *
 * @throws {MigrationError} ERR_CONFIG when a file makes no sense
 */
export function cortexModel(
  { hive }: SourceCortex,
  files: readonly ModelFile[],
): { model: ModelData; warnings: string[] } {
  const model = modelOfFiles(files)
  const warnings = model.addExtendedModel(readExtModel(hive))
  return { model: model.toJSON(), warnings }
}

/**
 * The core model plus model files.
 *
 * @throws {MigrationError} ERR_CONFIG when a file makes no sense
 */
export function modelOfFiles(files: readonly ModelFile[]): Model {
  const model = Model.core()
  try {
    for (const file of files) model.addModelFile(file)
  } catch (cause) {
    if (!(cause instanceof ModelError)) throw cause
    throw new MigrationError('ERR_CONFIG', `Cannot use a model file: ${cause.message}`, {
      cause,
      hint: 'Correct it; "synapse-migrator model check" names all of its problems',
    })
  }
  return model
}
