import { cortexPaths, type LayerSlab } from '../layout/paths.js'
import type { NodesCheckpoint } from '../layout/records.js'
import { isLayerMissing, layersBelow } from '../source/layers-below.js'
import { findForms } from '../source/partial-forms.js'
import type { ReplayContext } from './replay-context.js'
import type { ReplayNodesInput, ReplayNodesResult } from './tasks/replay-nodes.js'

/** Nodes per task and transaction. */
const BATCH_NODES = 1000

/**
 * Translates failed nodes of a layer again, adds those that now work, with their node data, and replaces their errors.
 *
 * @param wanted buids in hex
 */
export async function replayLayerNodes(
  context: ReplayContext,
  iden: string,
  wanted: ReadonlySet<string>,
  checkpoint: NodesCheckpoint,
): Promise<void> {
  const { options, writer, progress } = context
  const { destDir, editBatchSize, batchNodes = BATCH_NODES } = options
  const buids = [...wanted].sort().map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')))
  const input = nodeSource(context, iden, checkpoint)
  const batches = Array.from({ length: Math.ceil(buids.length / batchNodes) }, (_, i) =>
    buids.slice(i * batchNodes, (i + 1) * batchNodes),
  )
  await writer.call('openLayer', { destDir, iden, buids: Buffer.concat(buids) })
  // Translate the next batch while this one is stored. They are stored in order, because that numbers new names.
  let next = translated(context, input, batches[0])
  for (const [i, batch] of batches.entries()) {
    const { nodes } = await next
    if (i + 1 < batches.length) next = translated(context, input, batches[i + 1])
    next.catch(() => undefined)
    await writer.call('addNodes', { nodes, batchSize: editBatchSize })
    const done = Math.min(buids.length, i * batchNodes + batch.length)
    progress.show({ phase: 'nodes', layer: iden, done, total: buids.length, unit: 'nodes' })
  }
  await writer.call('closeLayer', {})
}

/** The same input for translating the layer's nodes as in the migration, except for the model. */
function nodeSource({ options, source, model }: ReplayContext, iden: string, { fingerprint }: NodesCheckpoint) {
  const paths = cortexPaths(options.srcDir)
  const slab = (layer: string, name: LayerSlab) => paths.layer(layer).slab(name)
  const { mapPartial, checks, slabs } = fingerprint
  return {
    layer: iden,
    layerPath: slab(iden, 'layer'),
    nodedataPath: slabs.nodedata === null ? null : slab(iden, 'nodedata'),
    otherLayerPaths: mapPartial ? layersBelow(source, iden).map((other) => slab(other, 'layer')) : [],
    checks,
    mapPartial,
    isLayerMissing: isLayerMissing(source),
    model,
  }
}

/** Translates nodes. If no other layer has a partial node's form, tries again with forms from this layer's indexes. */
async function translated(
  { pool }: ReplayContext,
  input: Omit<ReplayNodesInput, 'buids' | 'knownForms'>,
  buids: readonly Uint8Array[],
): Promise<ReplayNodesResult> {
  const first = await pool.run('replayNodes', { ...input, buids, knownForms: [] })
  if (!input.mapPartial || first.unresolved.length === 0) return first
  const forms = [...findForms(input.layerPath, [first.unresolved])]
  return forms.length === 0 ? first : pool.run('replayNodes', { ...input, buids, knownForms: forms })
}
