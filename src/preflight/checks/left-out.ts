import { cortexPaths } from '../../layout/paths.js'
import { copiedFiles } from '../../source/copied-files.js'
import { type Check, warning } from '../check.js'

/** What will not be in the destination: broken links, and other things beside the layers. */
export const leftOut: Check = ({ source, options }) => {
  const files = options.ops.has('dirn') ? [...copiedFiles(source.dir)] : []
  return [
    ...files.flatMap((file) =>
      file.kind === 'left out' ? [warning(`${file.reason}: it is left out`, file.hint)] : [],
    ),
    ...source.orphans
      .filter(({ iden }) => !options.orphanLayers && !options.skipLayers.includes(iden))
      .map(({ iden }) =>
        warning(
          `Layer directory ${iden} is not in the hive, a deleted layer leaves its directory behind: it is left out`,
          'To migrate it as well, give --orphan-layers',
        ),
      ),
    ...source.strays.map((name) =>
      warning(
        `"${cortexPaths(source.dir).layer(name).dir}" is not a layer: it is left out`,
        'A Cortex of 0.1.58 does not read it either',
      ),
    ),
  ]
}
