import { MigrationError } from '../../errors.js'
import { whyUnreadable } from '../../file/at-path.js'
import { cortexPaths } from '../../layout/paths.js'
import { readYamlFile } from '../../slab/yaml-file.js'
import { type Check, problem } from '../check.js'

/** A 0.1.x Cortex could not start with a broken file either. */
export const yamlFiles: Check = ({ source }) => {
  const { cellYaml, bootYaml } = cortexPaths(source.dir)
  return [cellYaml, bootYaml].flatMap((path) => {
    try {
      readYamlFile(path)
      return []
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error
      // The check of readable files reports a file that this user may not read.
      return error.code === 'ERR_SOURCE' && whyUnreadable(path) !== null
        ? []
        : [problem(error.message, error.hint ?? '')]
    }
  })
}
