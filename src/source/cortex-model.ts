import { Model, type ModelData } from '../model/model.js'
import type { ModelFile } from '../model/model-file.js'
import { readExtModel, type SourceCortex } from './cortex-dir.js'

/** The model of a Cortex: what Synapse ships, then custom modules as files describe them, then what its hive adds. */
export function cortexModel(
  { hive }: SourceCortex,
  files: readonly ModelFile[],
): { model: ModelData; warnings: string[] } {
  const model = Model.core()
  for (const file of files) model.addModelFile(file)
  const warnings = model.addExtendedModel(readExtModel(hive))
  return { model: model.toJSON(), warnings }
}
