import { cortexPaths } from '../../layout/paths.js'
import { SlabReader } from '../../page/page-reader.js'
import { type Check, problem } from '../check.js'

/** A layer that somebody else has made is not replaced unasked: nobody here can tell what it holds. */
export const layerMakers: Check = ({ layers, options: { destDir, ops, restart } }) => {
  const { migration, layer } = cortexPaths(destDir)
  const isOurs = SlabReader.exists(migration.checkpoints)
  if (isOurs || !['nodes', 'nodedata', 'splices'].some((op) => ops.has(op))) return []
  const there = layers.filter(({ iden }) => SlabReader.exists(layer(iden).slab('layer_v2')))
  if (there.length === 0) return []
  const isMigrated = SlabReader.exists(migration.log)
  if (isMigrated && restart) return []
  const list = there.map(({ iden }) => iden).join(', ')
  const made = isMigrated ? 'another tool has migrated' : 'there is no record of who made'
  return [
    problem(
      `Cannot migrate into "${destDir}": ${made} layer ${list}`,
      isMigrated
        ? 'Add --restart to make these layers anew, or give --dest a new directory'
        : 'Give --dest a new directory',
    ),
  ]
}
