import * as z from 'zod/mini'
import type { LayerSummary } from '../migrate/summary.js'

const count = z.int().check(z.nonnegative())

/** The counts of a finished layer, by their names in JSON. */
export const layerCounts = {
  nodes: count,
  nodes_migrated: count,
  nodedata: count,
  nodedata_migrated: count,
  splices: count,
  splice_errors: count,
  node_edits: count,
  errors: count,
}

export function layerCountsOf(layer: LayerSummary): { readonly [name in keyof typeof layerCounts]: number } {
  return {
    nodes: layer.nodes,
    nodes_migrated: layer.migrated,
    nodedata: layer.nodedata,
    nodedata_migrated: layer.nodedataMigrated,
    splices: layer.splices,
    splice_errors: layer.spliceErrors,
    node_edits: layer.nodeEdits,
    errors: layer.errorCount,
  }
}
