import { existsSync } from 'node:fs'
import { cortexPaths } from '../../layout/paths.js'
import { isInUse } from '../../slab/in-use.js'
import { type Check, problem } from '../check.js'

/** A process that has a slab of the destination open would keep using files that are no longer there. */
export const destInUse: Check = ({ layers, options: { destDir } }) => {
  const { slab, layer } = cortexPaths(destDir)
  const isOpen = (path: string) => existsSync(path) && isInUse(path)
  const refused = (what: string) =>
    problem(
      `Cannot migrate into "${destDir}": a process has ${what} open`,
      'Stop the Cortex that runs there, or give --dest a new directory',
    )
  const found = layers
    .filter(({ iden }) => isOpen(layer(iden).slab('layer_v2')))
    .map(({ iden }) => refused(`layer ${iden}`))
  return isOpen(slab('cell')) ? [refused('slabs/cell.lmdb'), ...found] : found
}
