import { assert } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { NODES_SCHEMA, type NodesFingerprint, SPLICES_SCHEMA, type SplicesFingerprint } from '../layout/records.js'
import type { ModelData } from '../model/model.js'
import { slabPrint } from '../page/slab-print.js'
import { modelKey } from '../stream/worker-state.js'
import { printOf } from './layer-checkpoint.js'

/** Everything that the rows of a layer's nodes depend on. */
export interface LayerNodesSource {
  readonly iden: string
  readonly srcDir: string
  readonly destDir: string
  /** Idens of other layers that may have the form of a partial node, those below in a view first. */
  readonly otherLayers: readonly string[]
  readonly model: ModelData
  readonly checks: boolean
  readonly mapPartial: boolean
  /** Whether the Cortex has layers that we cannot read. */
  readonly isLayerMissing: boolean
  readonly withNodedata: boolean
  /** The reference's `--nodelim`: stop at the N-th node. */
  readonly nodelim: number | null
}

/** What all parts of a layer have to agree on, whichever host makes them. */
export interface LayerPlan {
  /** The buids that separate partitions. */
  readonly borders: readonly Uint8Array[]
  /** The first offset of each range of splices; none when the layer has no history. */
  readonly starts: readonly number[]
  /** How many parts translate the nodes. */
  readonly parts: number
}

/** A layer whose parts are all made. */
export interface MadeParts {
  readonly plan: LayerPlan
  /** The runs that the parts have left, in order. */
  readonly runPaths: readonly string[]
}

/** Consecutive pieces of a layer's work: partitions, units of the merge, or ranges of splices. */
export interface Share {
  readonly first: number
  readonly end: number
}

/** The share of one part. All shares together are all pieces, and differ by one piece at most. */
export function shareOf(pieces: number, part: number, parts: number): Share {
  return { first: Math.floor((pieces * (part - 1)) / parts), end: Math.floor((pieces * part) / parts) }
}

export function nodesFingerprint(of: LayerNodesSource): NodesFingerprint {
  const { iden, srcDir, otherLayers, withNodedata, checks, mapPartial, model } = of
  const source = cortexPaths(srcDir)
  const layer = printOf(source.layer(iden), 'layer')
  assert(layer !== null, () => `layer "${iden}" has no slab`)
  return {
    schema: NODES_SCHEMA,
    layer: iden,
    slabs: {
      layer,
      nodedata: withNodedata ? printOf(source.layer(iden), 'nodedata') : null,
      // Every change of a node is also a splice. In a large layer the log reveals more changes than a sample of the
      // pages.
      splices: printOf(source.layer(iden), 'splices'),
    },
    otherLayers: otherLayers.map((other) => ({ iden: other, layer: printOf(source.layer(other), 'layer') })),
    checks,
    mapPartial,
    model: modelKey(model),
  }
}

export function splicesFingerprint(of: { iden: string; srcDir: string; model: ModelData }): SplicesFingerprint {
  return {
    schema: SPLICES_SCHEMA,
    layer: of.iden,
    slabs: { splices: slabPrint(cortexPaths(of.srcDir).layer(of.iden).slab('splices')) },
    model: modelKey(of.model),
  }
}
