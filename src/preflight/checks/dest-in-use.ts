import { existsSync } from 'node:fs'
import { cortexPaths } from '../../layout/paths.js'
import { isInUse } from '../../slab/in-use.js'
import { type Check, problem } from '../check.js'

/** Whoever has a layer of the destination open would go on with files that are no longer there. */
export const destInUse: Check = ({ layers, options: { destDir } }) =>
  layers.flatMap(({ iden }) => {
    const path = cortexPaths(destDir).layer(iden).slab('layer_v2')
    if (!existsSync(path) || !isInUse(path)) return []
    const text = `Cannot migrate into "${destDir}": a process has layer ${iden} open`
    return [problem(text, 'Stop the Cortex that runs there, or give --dest a new directory')]
  })
