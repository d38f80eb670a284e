import { cortexPaths, type LayerSlab } from '../layout/paths.js'
import { type DbReader, SlabReader } from '../page/page-reader.js'
import { findNodeRows, nodedataRows, spliceRows } from '../source/source-dbs.js'
import type { MigrateOptions } from './options.js'
import type { PlannedWork } from './progress.js'

/** The amount of work for some layers; LMDB stores the number of rows. */
export function plannedWork(srcDir: string, layers: readonly string[], options: MigrateOptions): PlannedWork[] {
  const { ops, dryRun } = options
  return layers.flatMap((layer): PlannedWork[] => {
    const entries = (slab: LayerSlab, find: (reader: SlabReader) => DbReader | undefined) =>
      countOf(cortexPaths(srcDir).layer(layer).slab(slab), find)
    const rows = entries('layer', findNodeRows) + (ops.has('nodedata') ? entries('nodedata', nodedataRows) : 0)
    const withNodes = ops.has('nodes') || ops.has('nodedata')
    return [
      ...(withNodes ? [{ phase: 'nodes', layer, total: rows } as const] : []),
      ...(withNodes && !dryRun ? [{ phase: 'indexes', layer, total: rows } as const] : []),
      ...(ops.has('splices') ? [{ phase: 'splices', layer, total: entries('splices', spliceRows) } as const] : []),
    ]
  })
}

/** 0 when it cannot be read; the migration of the layer reports why. */
function countOf(path: string, find: (reader: SlabReader) => DbReader | undefined): number {
  if (!SlabReader.exists(path)) return 0
  try {
    const slab = SlabReader.open(path)
    try {
      return find(slab)?.entries ?? 0
    } finally {
      slab.close()
    }
  } catch {
    return 0
  }
}
