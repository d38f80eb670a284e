import type { SourceCortex } from './cortex-dir.js'

/**
 * Layers that may hold the form row of a partial node of `iden`: first those below it in a view, nearest first, then
 * the layers that share no view with it.
 */
export function layersBelow({ hive, layers }: SourceCortex, iden: string): string[] {
  const found = new Set<string>()
  for (const view of hive.children(['cortex', 'views'])) {
    const stack = hive.get(['cortex', 'views', view, 'layers'])
    if (!Array.isArray(stack)) continue
    const place = stack.indexOf(iden)
    if (place >= 0) for (const below of stack.slice(place + 1)) found.add(String(below))
  }
  for (const layer of layers) found.add(layer.iden)
  found.delete(iden)
  const there = new Set(layers.map((layer) => layer.iden))
  return [...found].filter((layer) => there.has(layer))
}

/** Whether the Cortex has layers that we cannot read. */
export function isLayerMissing({ missing, remote }: SourceCortex): boolean {
  return missing.length + remote.length > 0
}
