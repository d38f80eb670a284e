import { SOURCE_SLABS } from '../../layout/source-layer.js'
import { type Check, problem } from '../check.js'

/** Files that a migration has open in addition to those of layers. */
const OWN_FILES = 96

/** Each thread keeps the slabs of all layers open. Runs are open only during a read. */
export const openFiles: Check = ({ layers, options: { workers }, sys }) => {
  const limit = sys.openFiles()
  const need = OWN_FILES + layers.length * SOURCE_SLABS.length * (workers + 2) + workers
  if (limit === null || limit >= need) return []
  const text = `This process may have ${limit} files open, the migration needs up to ${need}`
  return [problem(text, `Raise the limit first: ulimit -n ${need}`)]
}
