import { MigrationError } from '../../errors.js'
import { cortexPaths } from '../../layout/paths.js'
import { readYamlFile } from '../../slab/yaml-file.js'
import { type Check, warning } from '../check.js'

/** Without splices a Cortex has no history, and a sync cannot see changes. */
export const splicesOff: Check = ({ source }) => {
  const { cellYaml } = cortexPaths(source.dir)
  if (!isOff(cellYaml)) return []
  return [
    warning(
      `"${cellYaml}" switches splices off (splice:en): a sync would see no change of this Cortex`,
      'If you plan to sync, set splice:en to true, restart the Cortex, and make a new backup',
    ),
  ]
}

function isOff(path: string): boolean {
  try {
    return readYamlFile(path)?.['splice:en'] === false
  } catch (error) {
    // Another check reports files that cannot be read.
    if (error instanceof MigrationError) return false
    throw error
  }
}
