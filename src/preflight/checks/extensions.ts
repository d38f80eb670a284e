import { cortexPaths } from '../../layout/paths.js'
import { readYamlFile, type YamlMap } from '../../slab/yaml-file.js'
import { type Check, warning } from '../check.js'

/** We cannot run Python modules, so what they add to the model must come from model files. */
export const extensions: Check = ({ source, options: { modelFiles } }) => {
  const names = moduleNames(source.dir)
  if (names.length === 0) return []
  const list = names.join(', ')
  if (modelFiles.length > 0) {
    const text = `cell.yaml names Python modules: ${list}; of their models only what the model files say is known`
    return [warning(text, 'Make sure that each of them has a model file')]
  }
  const text = `cell.yaml names Python modules, whose models are unknown here: ${list}; nodes of their forms cannot be migrated`
  return [warning(text, 'Export the models to a file and give it with --model, see docs/model-file.md')]
}

function moduleNames(srcDir: string): string[] {
  let conf: YamlMap | null
  try {
    conf = readYamlFile(cortexPaths(srcDir).cellYaml)
  } catch {
    return [] // Another check reports it as a problem.
  }
  const modules = Array.isArray(conf?.modules) ? conf.modules : []
  return modules.map((entry: unknown) => String(Array.isArray(entry) ? entry[0] : entry))
}
