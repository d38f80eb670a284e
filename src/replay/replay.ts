import { readCheckpointHeads } from '../dest/checkpoints.js'
import { ErrorCounts, type ErrorKind } from '../dest/error-counts.js'
import { runError } from '../file/system-failure.js'
import type { Log } from '../log.js'
import { layerCheckpoint } from '../migrate/layer-checkpoint.js'
import type { Progress } from '../migrate/progress.js'
import { takeRunLock } from '../migrate/run-lock.js'
import type { LayerSummary } from '../migrate/summary.js'
import { readSource, type SourceCortex } from '../source/cortex-dir.js'
import { cortexModel } from '../source/cortex-model.js'
import { refuseLiveLayers } from '../source/live-layers.js'
import { TaskPool } from '../thread/task-pool.js'
import { WriterClient } from '../thread/writer-client.js'
import { withSource } from '../upgrade/with-source.js'
import { type LayerErrors, noErrors, readLayerErrors } from './layer-errors.js'
import { withModel } from './model-growth.js'
import { assertLayerReplayable, assertReplayable, layersToReplay } from './replay-checks.js'
import type { ReplayContext, ReplayOptions } from './replay-context.js'
import { replayLayerNodes } from './replay-layer-nodes.js'
import { replaySplices } from './replay-splices.js'
import { replayedLayers } from './replayed-layers.js'
import { settleLayer } from './settle-layer.js'

const STEPS = ['nodes', 'nodedata', 'splices'] as const

/** The result of a replay. */
export interface ReplayReport {
  readonly destDir: string
  /** Errors before and after, by step. */
  readonly steps: readonly { readonly step: string; readonly before: number; readonly after: number }[]
  /** Remaining errors, by step and kind. */
  readonly left: readonly ErrorKind[]
  readonly leftCount: number
  /** How many of these are not accepted. */
  readonly openCount: number
  /** Errors of other steps, which a replay does not try. */
  readonly others: readonly ErrorKind[]
  /** The layers after the replay. */
  readonly layers: readonly LayerSummary[]
  readonly elapsedMs: number
}

/**
 * Tries failed nodes, node data and splices again, and adds them to the destination. Nodes and node data go through
 * LMDB, a batch per transaction. If a failed splice of a history can be translated now, the whole history is rebuilt
 * from the source, so that its edits are in the right places. You may kill it at any time and run it again.
 */
export class Replay {
  private readonly startedMs = Date.now()

  constructor(
    private readonly options: ReplayOptions,
    private readonly log: Log,
    private readonly progress: Progress,
    /** Called once this run has locked the destination, before it changes anything. */
    private readonly begin: () => void = () => {},
  ) {}

  async run(): Promise<ReplayReport> {
    const { options, log, progress } = this
    const { srcDir, destDir, modelFiles } = options
    const look = { srcDir, destDir, modelFiles, depth: 'whole', tell: (text: string) => log('INFO', text) } as const
    try {
      return await withSource(look, (dir) =>
        new Replay({ ...options, srcDir: dir }, log, progress, this.begin).runOn(readSource(dir, destDir, srcDir)),
      )
    } catch (error) {
      throw runError(error, options)
    }
  }

  private async runOn(source: SourceCortex): Promise<ReplayReport> {
    const { options, log, progress } = this
    const { srcDir, destDir, workers } = options
    assertReplayable(source, destDir)
    const lock = await takeRunLock(destDir, (text) => log('WARNING', text))
    const writer = new WriterClient(log)
    const pool = new TaskPool(workers)
    pool.breakOn(writer.broken)
    pool.breakOn(lock.lost)
    try {
      const { model } = cortexModel(source, options.modelFiles)
      const before = this.count()
      const errors = readLayerErrors(destDir)
      const layers = layersToReplay(destDir, errors)
      refuseLiveLayers(srcDir, layers)
      for (const iden of layers) assertLayerReplayable(srcDir, destDir, iden, model)
      this.begin()
      await writer.call('open', { destDir })
      const context = { options, source, model, pool, writer, log, progress }
      for (const iden of layers) await this.layer(context, iden, errors.get(iden) ?? noErrors())
      await writer.call('reserveEdits', { destDir })
      return this.report(before)
    } finally {
      await writer.close()
      await pool.close()
      lock.release()
    }
  }

  private async layer(context: ReplayContext, iden: string, errors: LayerErrors): Promise<void> {
    const { model, writer, log } = context
    const nodes = layerCheckpoint(readCheckpointHeads(this.options.destDir), 'nodes', iden)
    if (nodes !== null) {
      // From here on the layer belongs to the new model: if this run is killed, it must be finished with that model.
      const begun = withModel(nodes, model)
      await writer.call('putCheckpoint', { key: `nodes/${iden}`, checkpoint: begun })
      if (errors.buids.size > 0) {
        log('INFO', `Trying ${errors.buids.size} nodes of layer ${iden} again`)
        await replayLayerNodes(context, iden, errors.buids, nodes)
      }
      await settleLayer(context, iden, begun)
    }
    await replaySplices(context, iden, errors.splices)
  }

  private count(): ErrorKind[] {
    const counts = new ErrorCounts(this.options.acceptedErrors)
    counts.addLog(this.options.destDir)
    return counts.kinds
  }

  private report(before: readonly ErrorKind[]): ReplayReport {
    const after = this.count()
    const isTried = ({ step }: ErrorKind) => STEPS.some((tried) => tried === step)
    const sum = (kinds: readonly ErrorKind[]) => kinds.reduce((total, { errors }) => total + errors, 0)
    const ofStep = (kinds: readonly ErrorKind[], step: string) => sum(kinds.filter((kind) => kind.step === step))
    const left = after.filter(isTried)
    return {
      destDir: this.options.destDir,
      steps: STEPS.map((step) => ({ step, before: ofStep(before, step), after: ofStep(after, step) })),
      left,
      leftCount: sum(left),
      openCount: left.reduce((total, { errors, accepted }) => total + errors - accepted, 0),
      others: after.filter((kind) => !isTried(kind)),
      layers: replayedLayers(this.options.destDir),
      elapsedMs: Date.now() - this.startedMs,
    }
  }
}
