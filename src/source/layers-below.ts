import { MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { readSettled } from '../slab/read-settled.js'
import type { SourceCortex } from './cortex-dir.js'

/** Layers are many, and each asks for all of them. */
const known = new WeakMap<SourceCortex['layers'], readonly string[]>()

/**
 * Layers that may hold the form row of a partial node of `iden`: first those below it in a view, nearest first, then
 * the layers that share no view with it. A layer that `--skip-layer` leaves out may be one, if it can be read.
 */
export function layersBelow({ dir, hive, layers }: SourceCortex, iden: string): string[] {
  const found = new Set<string>()
  for (const view of hive.children(['cortex', 'views'])) {
    const stack = hive.get(['cortex', 'views', view, 'layers'])
    if (!Array.isArray(stack)) continue
    const place = stack.indexOf(iden)
    if (place >= 0) for (const below of stack.slice(place + 1)) found.add(String(below))
  }
  for (const layer of layers) found.add(layer.iden)
  found.delete(iden)
  const there = new Set(readableLayers({ dir, layers }))
  return [...found].filter((layer) => there.has(layer))
}

/** Whether the Cortex has layers that we cannot read. */
export function isLayerMissing(source: SourceCortex): boolean {
  const { layers, missing, remote } = source
  return missing.length + remote.length > 0 || readableLayers(source).length < layers.length
}

/** Idens of layers whose slab of nodes can be opened. A run must have been told to skip the others. */
export function readableLayers({ dir, layers }: Pick<SourceCortex, 'dir' | 'layers'>): readonly string[] {
  const found = known.get(layers) ?? layers.map(({ iden }) => iden).filter((iden) => isReadable(dir, iden))
  known.set(layers, found)
  return found
}

function isReadable(dir: string, iden: string): boolean {
  try {
    return readSettled(cortexPaths(dir).layer(iden).slab('layer'), () => true)
  } catch (error) {
    if (error instanceof MigrationError && error.code !== 'ERR_SOURCE_CHANGED') return false
    throw error
  }
}
