import { count } from '../text/table.js'
import { LayerSplices } from './layer-splices.js'
import { jobEvents, type LayerContext, type LayerCounts, recordRows } from './layer-step.js'

/** Step `splices` of a layer. */
export async function migrateSplices(context: LayerContext): Promise<Partial<LayerCounts>> {
  const { layer, threads, log, differences } = context
  const { iden } = layer
  log('INFO', `Starting splice migration for ${iden}`)
  const result = await layerSplices(context).run()
  if (result === null) {
    differences({ lastSplices: 0, missingOffsets: 0, renamedSplices: 0 })
    await recordRows(threads.writer, ['splices', 'error', iden, 'noexist'])
    return {}
  }
  const { splices, rows, failures, oldFailures, missing, renamed } = result
  differences({ lastSplices: splices === 0 ? 0 : 1, missingOffsets: missing, renamedSplices: renamed })
  if (failures > 0) {
    log(
      'WARNING',
      `Splice migration encountered ${count(failures)} errors of which ${count(oldFailures)} were due to old datamodel entries`,
    )
  }
  if (missing > 0) log('WARNING', `The splice log of layer ${iden} lacks ${count(missing)} offsets`)
  const last = count(result.lastOffset)
  log('INFO', `For target offset ${last}: read up to ${last}, wrote up to ${last}`)
  log('INFO', `Completed splice migration for ${iden}`)
  await recordRows(threads.writer, ['splices', 'prog', iden, Date.now()])
  return { splices, nodeEdits: rows, spliceErrors: failures, errorCount: failures }
}

/** The splices of a layer, for all of it or for a part. */
export function layerSplices(context: LayerContext): LayerSplices {
  const { layer, threads, show } = context
  return new LayerSplices(layer, threads, {
    ...jobEvents(context),
    progress: ({ splices, totalSplices }) =>
      show({ phase: 'splices', layer: layer.iden, done: splices, total: totalSplices, unit: 'splices' }),
  })
}
