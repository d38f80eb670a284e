import { readCheckpointHeads } from '../dest/checkpoints.js'
import { hasRecord } from '../dest/migration-log.js'
import { cortexPaths } from '../layout/paths.js'
import { layerCheckpoint } from '../migrate/layer-checkpoint.js'
import { LayerSplices } from '../migrate/layer-splices.js'
import type { ModelData } from '../model/model.js'
import { SlabReader } from '../page/page-reader.js'
import { workerStortypes } from '../stream/worker-state.js'
import { makeCredits } from '../thread/chunk-sender.js'
import { SpliceTranslator } from '../translate/splices.js'
import type { SpliceError } from './layer-errors.js'
import { withModel } from './model-growth.js'
import type { ReplayContext } from './replay-context.js'

/**
 * Rebuilds the history if one of its failed splices can be translated now, or if an earlier run has begun to rebuild
 * it.
 */
export async function replaySplices(
  context: ReplayContext,
  iden: string,
  errors: readonly SpliceError[],
): Promise<void> {
  const { options, model, pool, writer, log, progress } = context
  const { srcDir, destDir, memoryBytes } = options
  const key = `splices/${iden}`
  if (!hasRecord(destDir, 'splices', 'prog', iden)) return
  if (!SlabReader.exists(cortexPaths(srcDir).layer(iden).slab('splices'))) return
  const checkpoint = layerCheckpoint(readCheckpointHeads(destDir), 'splices', iden)
  if (checkpoint?.isBuilt === true && !canTranslate(errors, model)) {
    await writer.call('putCheckpoint', { key, checkpoint: withModel(checkpoint, model) })
    return
  }
  log('INFO', `Rebuilding the history of layer ${iden}`)
  await writer.call('dropCheckpoint', { key })
  await writer.call('forgetSpliceErrors', { layer: iden })
  const credits = makeCredits(memoryBytes)
  const shared = { iden, srcDir, destDir, model, fromLast: false, made: null, pieces: {} }
  await new LayerSplices(
    shared,
    { pool, writer, credits },
    {
      warn: (text) => log('WARNING', text),
      info: (text) => log('INFO', text),
      errors: () => undefined,
      progress: ({ splices, totalSplices }) =>
        progress.show({ phase: 'splices', layer: iden, done: splices, total: totalSplices, unit: 'splices' }),
    },
  ).run()
}

function canTranslate(errors: readonly SpliceError[], model: ModelData): boolean {
  let edits = 0
  const translator = new SpliceTranslator(workerStortypes(model), {
    nodeEdit: () => {
      edits++
    },
    failure: () => undefined,
  })
  return errors.some(({ offset, raw }) => {
    if (raw === null) return true
    translator.add(offset, raw, 0, raw.length)
    translator.flush()
    return edits > 0
  })
}
