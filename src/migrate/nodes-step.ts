import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { cortexPaths } from '../layout/paths.js'
import { SOURCE_LAYER_VERSION } from '../layout/source-layer.js'
import { readLayerFacts } from '../source/cortex-dir.js'
import { isLayerMissing, layersBelow } from '../source/layers-below.js'
import { writtenSplices } from '../source/stored-splices.js'
import { warmFile } from '../source/warm-file.js'
import { count } from '../text/table.js'
import { LayerNodes, type LayerNodesResult } from './layer-nodes.js'
import { jobEvents, type LayerContext, type LayerCounts, type LogRow, recordRows } from './layer-step.js'

/** Steps `nodes` and `nodedata` of a layer. */
export async function migrateNodes(context: LayerContext): Promise<Partial<LayerCounts>> {
  const { layer, source, options, threads, log } = context
  const { iden, srcDir } = layer
  const layerDir = cortexPaths(srcDir).layer(iden).dir
  const { nextSplice } = readLayerFacts({ iden, dir: layerDir })
  if (options.srcDedicated) {
    for (const slab of ['layer', 'nodedata']) log('INFO', warmFile(join(layerDir, `${slab}.lmdb`, 'data.mdb')))
  }
  log('INFO', `Starting node migration for ${iden}`)
  const run = layerNodes(context).run()
  run.catch(() => {})
  // The threads have the tasks of all steps when this goes on: no page waits for this one.
  await setImmediate()
  const nextOffset =
    nextSplice === null
      ? 0
      : await threads.pool.run('firstUnstoredSplice', writtenSplices(source, { dir: srcDir, iden, nextSplice }))
  if (nextSplice === null) log('WARNING', `Splice slab not found for ${iden}, setting sync offset to 0`)
  else if (nextOffset < nextSplice) {
    const text = `The nodes of layer ${iden} lack what its last splices did: a sync starts at splice ${count(nextOffset)} of ${count(nextSplice)}`
    log('WARNING', text)
  }
  await recordRows(
    threads.writer,
    // The version that we read the layer as. An older layer with nothing to change is not rewritten.
    ['nodes', 'vers', iden, [...SOURCE_LAYER_VERSION]],
    ['nodes', 'nextoffs', iden, [nextOffset, Date.now()]],
  )
  log('INFO', `Saved splicelog next offset ${nextOffset} for layer ${iden}`)
  const result = await run
  await recordNodes(context, result)
  const { nodes, migrated, reduced, nodedata, nodedataMigrated, errorCount } = result
  const { partialNodes, keptValues, typedTagProps } = result
  if (options.ops.has('nodes')) context.differences({ partialNodes, keptValues, typedTagProps })
  return { nodes, migrated, reduced, nodedata, nodedataMigrated, errorCount }
}

/** The nodes of a layer, for all of it or for a part. */
export function layerNodes(context: LayerContext): LayerNodes {
  const { layer, source, options, threads, show } = context
  const { iden } = layer
  return new LayerNodes(
    {
      ...layer,
      otherLayers: layersBelow(source, iden),
      checks: !options.safetyOff,
      mapPartial: options.mapPartial,
      isLayerMissing: isLayerMissing(source),
      withNodedata: options.ops.has('nodedata'),
      dryRun: options.dryRun,
      nodelim: options.nodelim,
      memoryBytes: options.memoryBytes,
    },
    threads,
    {
      ...jobEvents(context),
      progress: ({ rows, totalRows }) =>
        show({ phase: 'nodes', layer: iden, done: rows, total: totalRows, unit: 'rows' }),
      merged: (done, total) => show({ phase: 'indexes', layer: iden, done, total, unit: 'parts' }),
    },
  )
}

async function recordNodes({ layer, options, threads, log }: LayerContext, result: LayerNodesResult): Promise<void> {
  const { writer } = threads
  const { iden } = layer
  const seconds = Math.floor(result.elapsedMs / 1000) + 1
  if (result.isLimited) log('WARNING', `Stopping node migration due to reaching nodelim ${options.nodelim}`)
  log(
    'INFO',
    `Migrated ${count(result.migrated)} of ${count(result.nodes)} nodes in ${seconds} seconds (${Math.round(result.nodes / seconds)} nodes/s avg)`,
  )
  log('INFO', `Completed node migration for ${iden}`)
  const forms = [...new Set([...result.sourceForms.keys(), ...result.forms.keys()])]
  const total = [...result.forms.values()].reduce((sum, n) => sum + n, 0)
  const rows = [
    ...forms.map((form): LogRow => {
      const stat = [result.sourceForms.get(form) ?? 0, result.forms.get(form) ?? 0]
      return ['nodes', 'stat', `${iden}:form:${form}`, stat]
    }),
    ['nodes', 'stat', `${iden}:totnodes`, [result.nodes, total]],
    ['nodes', 'stat', `${iden}:duration`, [result.nodes, result.elapsedMs]],
    ['nodes', 'chkpnt', iden, [result.lastBuid, result.nodes + 1, Date.now()]],
    ['nodes', 'prog', iden, Date.now()],
  ] satisfies LogRow[]
  if (!options.ops.has('nodedata')) return recordRows(writer, ...rows)
  const dataSeconds = Math.floor(result.nodedataElapsedMs / 1000) + 1
  log(
    'INFO',
    `Migrated ${count(result.nodedataMigrated)} of ${count(result.nodedata)} nodedata entries in ${dataSeconds} seconds (${Math.trunc(result.nodedata / dataSeconds)} nodes/s avg)`,
  )
  log('INFO', `Completed nodedata migration for ${iden}`)
  await recordRows(
    writer,
    ...rows,
    ['nodedata', 'stat', `${iden}:totnodes`, [result.nodedata, result.nodedataMigrated]],
    ['nodedata', 'stat', `${iden}:duration`, [result.nodedata, result.nodedataElapsedMs]],
    ['nodedata', 'prog', iden, Date.now()],
  )
}
