import { basename, join } from 'node:path'
import { type CheckpointHead, checkpointsExist, readCheckpoints } from '../dest/checkpoints.js'
import { ErrorCounts } from '../dest/error-counts.js'
import { readErrorRecords } from '../dest/error-records.js'
import { hasRecord, migrationLogPath, readMigrationLog } from '../dest/migration-log.js'
import { MigrationError } from '../errors.js'
import { runError } from '../file/system-failure.js'
import { assertDestOf } from '../inspect/dest-state.js'
import { DEST_LAYER_SLABS } from '../layout/dest-dbs.js'
import { cortexPaths } from '../layout/paths.js'
import { SOURCE_SLABS } from '../layout/source-layer.js'
import { changedSlabs, type LayerCheckpoints, layerCheckpoint } from '../migrate/layer-checkpoint.js'
import type { ModelData } from '../model/model.js'
import type { ModelFile } from '../model/model-file.js'
import { SlabReader } from '../page/page-reader.js'
import { refuseMissingLayers } from '../preflight/refusal.js'
import { isInUse } from '../slab/in-use.js'
import { readLayerFacts, readSource, type SourceCortex } from '../source/cortex-dir.js'
import { cortexModel } from '../source/cortex-model.js'
import { isLayerMissing, layersBelow } from '../source/layers-below.js'
import { firstUnstoredSplice, writtenSplices } from '../source/stored-splices.js'
import { modelKey } from '../stream/worker-state.js'
import { inTurn } from '../thread/in-turn.js'
import { TaskPool } from '../thread/task-pool.js'
import { withSource } from '../upgrade/with-source.js'
import { verifyCell } from './cell-verifier.js'
import { destDamageOf } from './damage.js'
import type { LayerFacts } from './layer-records.js'
import type { LayerCounts } from './layer-state.js'
import { LayerVerifier, type LayerVerifierOptions } from './layer-verifier.js'
import type { CellReport, Difference, LayerReport, VerifyReport } from './report.js'
import { VerifyProgress } from './verify-progress.js'

const LAYERS_AT_ONCE = 2
/** The transaction number of a slab that nobody has written to since we built it. */
const BUILT_TXN = 2
/** What a sample cannot check in the layers. */
const SAMPLE_LACKS =
  'nodes that were not chosen, index rows that are too many, the history, pages and statistics of the layers'

export interface VerifyOptions {
  readonly srcDir: string
  /** The operator's path of the source when `srcDir` is a copy. */
  readonly givenDir?: string
  readonly destDir: string
  /** How many random nodes of each layer to compare, or null for all. */
  readonly sample: number | null
  /** The only layers to compare; empty: all. */
  readonly onlyLayers: readonly string[]
  readonly workers: number
  readonly memoryBytes: number
  readonly modelFiles: readonly ModelFile[]
  /** Where to save progress and resume from it; null: nowhere. */
  readonly checkpointPath: string | null
}

export interface VerifyEvents {
  progress(layer: string, done: number, total: number): void
  /** Something the operator should know right away. */
  note(text: string): void
}

type LoggedErrors = LayerVerifierOptions['loggedErrors']

/**
 * @throws {MigrationError} ERR_SOURCE when a process has a layer of the source open, as we need to read it for a long
 *   time
 */
export function refuseSourceInUse(srcDir: string): void {
  for (const { iden, dir } of readSource(srcDir).layers) {
    if (!SOURCE_SLABS.some((slab) => isInUse(join(dir, `${slab}.lmdb`)))) continue
    throw new MigrationError('ERR_SOURCE', `Cannot verify against "${srcDir}": a process has layer ${iden} open`, {
      hint: 'stop the Cortex, or give a backup of it',
    })
  }
}

/**
 * Compares a migrated Cortex with its source: reads the source again, translates it again, and checks every row, every
 * index row, the history and the pages of each layer of the destination. Reads only pages, and writes to neither of
 * them.
 *
 * @throws {MigrationError} when one of the two is not a Cortex, they do not belong together, the migration has not
 *   finished, or someone writes to one of them during the comparison
 * @param aborted rejects when the caller wants it to stop
 */
export async function verifyMigration(
  options: VerifyOptions,
  events: VerifyEvents,
  aborted: Promise<never> | null = null,
): Promise<VerifyReport> {
  const pool = new TaskPool(options.workers)
  if (aborted !== null) pool.breakOn(aborted)
  const { srcDir, destDir, modelFiles } = options
  const look = { srcDir, destDir, modelFiles, depth: 'whole', tell: (text: string) => events.note(text) } as const
  try {
    return await withSource(look, (dir) =>
      new Verifier({ ...options, srcDir: dir, givenDir: srcDir }, events, pool).run(),
    )
  } catch (error) {
    throw runError(error, options, 'read')
  } finally {
    await pool.close()
  }
}

class Verifier {
  private readonly startedMs = Date.now()
  private readonly expected: string[] = []
  private readonly layers: LayerReport[] = []
  private readonly differences: Difference[] = []
  private isCountExact = true
  private damageCount = 0
  private readonly notCompared: string[] = []
  private readonly counts = new Map<string, LayerCounts | null>()
  private readonly errorCounts = new ErrorCounts()
  private readonly checkpoints: ReadonlyMap<string, CheckpointHead>

  constructor(
    private readonly options: VerifyOptions,
    private readonly events: VerifyEvents,
    private readonly pool: TaskPool,
  ) {
    this.checkpoints = this.ofDest('checkpoints.lmdb', () => readCheckpoints(options.destDir), new Map())
  }

  async run(): Promise<VerifyReport> {
    const { srcDir, destDir, sample } = this.options
    refuseSourceInUse(srcDir)
    const source = readSource(srcDir)
    const booted = assertDestOf(source, destDir, 'verify', true)
    if (booted !== null) this.expected.push(`Synapse ${booted} has been started on the destination`)
    const skipped = this.ofDest('migr.lmdb', () => skippedLayers(destDir, this.checkpoints), new Set())
    refuseMissingLayers(source, (iden) => skipped.has(iden))
    for (const iden of skipped) this.notCompared.push(`layer ${iden}, which --skip-layer has left empty`)
    const { model } = cortexModel(source, this.options.modelFiles)
    const all = this.layerIdens(source).filter((iden) => !skipped.has(iden))
    const idens = this.asked(all)
    const slabs = idens.flatMap((iden) => this.openSlabs(iden))
    try {
      if (!this.isOurs) this.expected.push('Another tool has made the destination')
      for (const iden of idens) this.checkLayer(iden, model)
      const logged = this.ofDest('migr.lmdb', () => this.loggedErrors(), new Map())
      const progress = new VerifyProgress(this.options.checkpointPath, this.whatIsCompared(slabs, model))
      if (progress.layerCount > 0) {
        const count = `${progress.layerCount} of ${idens.length} layers`
        this.events.note(`Continuing with "${this.options.checkpointPath}", which has ${count}`)
      }
      await inTurn(idens, LAYERS_AT_ONCE, (iden) => this.layer(iden, source, model, progress, logged.get(iden)))
      if (sample !== null) this.notCompared.push(SAMPLE_LACKS)
      const cell = await this.cell(source, { compared: idens, all, skipped: [...skipped] }, booted)
      for (const slab of slabs) slab.assertUnchanged()
      progress.remove()
      return this.report(cell)
    } finally {
      for (const slab of slabs) slab.close()
    }
  }

  private report(cell: CellReport): VerifyReport {
    const { srcDir, destDir, sample } = this.options
    const layers = this.layers.sort((a, b) => (a.iden < b.iden ? -1 : 1))
    return {
      srcDir: this.options.givenDir ?? srcDir,
      destDir,
      sample,
      layers,
      differences: this.differences,
      cell,
      differenceCount: layers.reduce(
        (sum, layer) => sum + layer.differenceCount,
        cell.differenceCount + this.damageCount,
      ),
      errorCount: this.errorCounts.kinds.reduce((sum, { errors }) => sum + errors, 0),
      isCountExact: this.isCountExact,
      expected: this.expected,
      notCompared: this.notCompared,
      elapsedMs: Date.now() - this.startedMs,
    }
  }

  /** Compares the Cortex without its layers. */
  private async cell(
    source: SourceCortex,
    layers: {
      readonly compared: readonly string[]
      readonly all: readonly string[]
      readonly skipped: readonly string[]
    },
    startedBy: string | null,
  ): Promise<CellReport> {
    const { srcDir, destDir, sample } = this.options
    const { compared, all, skipped } = layers
    const reports = [...this.layers].sort((a, b) => (a.iden < b.iden ? -1 : 1))
    const { report, differences, notCompared } = await verifyCell(
      {
        srcDir,
        destDir,
        cellGuid: source.cellGuid ?? '',
        layers: [...all, ...skipped],
        layerFacts: all.map((iden) => this.facts(source, iden, compared.includes(iden))),
        isOurs: this.isOurs,
        startedBy,
        nexusLayers: all.filter((iden) => this.checkpoints.has(`nexus/${iden}`)),
        nodeEdits:
          compared.length === all.length ? new Map(reports.map(({ iden, nodeEdits }) => [iden, nodeEdits])) : null,
        withFiles: sample === null,
      },
      this.pool,
    )
    for (const difference of differences) this.differences.push({ ...difference, layer: null })
    this.notCompared.push(...notCompared)
    return report
  }

  /** The layers to compare. @throws {MigrationError} ERR_PREFLIGHT when the Cortex has no such layer */
  private asked(all: readonly string[]): readonly string[] {
    const { srcDir, onlyLayers } = this.options
    if (onlyLayers.length === 0) return all
    const unknown = onlyLayers.find((iden) => !all.includes(iden))
    if (unknown !== undefined) {
      throw new MigrationError('ERR_PREFLIGHT', `Cannot verify layer ${unknown}: "${srcDir}" has no such layer`, {
        hint: 'See "synapse-migrator inspect" for its layers',
      })
    }
    const left = all.filter((iden) => !onlyLayers.includes(iden))
    if (left.length > 0) this.notCompared.push(`layer ${left.join(', ')}, as --layer names others`)
    return all.filter((iden) => onlyLayers.includes(iden))
  }

  /** What the migration log and the reports must say about a layer. One that is not compared may not be finished yet. */
  private facts({ hive }: SourceCortex, iden: string, isCompared: boolean): LayerFacts {
    const { srcDir } = this.options
    const { nextSplice, hasNodeData } = readLayerFacts({ iden, dir: cortexPaths(srcDir).layer(iden).dir })
    const finished = <Step extends keyof LayerCheckpoints>(step: Step) => {
      const found = this.checkpoint(step, iden)
      return isCompared || found?.isBuilt ? found : null
    }
    const nodes = finished('nodes')
    const nextOffset =
      nextSplice === null ? 0 : firstUnstoredSplice(writtenSplices({ hive }, { dir: srcDir, iden, nextSplice }))
    const isUnknown = !this.isOurs || this.areCheckpointsDamaged
    // If a layer has no node data, no checkpoint tells whether the operator asked for it.
    const withNodedata =
      isUnknown || (hasNodeData ? nodes?.fingerprint.slabs.nodedata != null : this.isLogged('nodedata', 'prog', iden))
    return {
      iden,
      nextSplice,
      nextOffset,
      withNodes: isUnknown || nodes !== null,
      withNodedata,
      withSplices:
        isUnknown ||
        (isCompared ? this.isMigrated('splices') : finished('splices') !== null) ||
        this.isLogged('splices', 'error', iden),
      counts: this.counts.get(iden) ?? null,
    }
  }

  private isLogged(step: string, type: string, iden: string): boolean {
    return this.ofDest('migr.lmdb', () => hasRecord(this.options.destDir, step, type, iden), false)
  }

  private get areCheckpointsDamaged(): boolean {
    return this.differences.some(({ place }) => place === 'checkpoints.lmdb')
  }

  /** Identifies a comparison: it changes with the state of the slabs, the model and the options. */
  private whatIsCompared(slabs: readonly SlabReader[], model: ModelData): string {
    const { destDir, sample, onlyLayers } = this.options
    const srcDir = this.options.givenDir ?? this.options.srcDir
    const which = onlyLayers.length === 0 ? [] : [[...onlyLayers].sort()]
    return JSON.stringify([2, srcDir, destDir, sample, slabs.map(({ txnId }) => txnId), modelKey(model), ...which])
  }

  /** Another tool made a destination without checkpoints. */
  private get isOurs(): boolean {
    return checkpointsExist(this.options.destDir)
  }

  /** The layers of the source, plus layers that are not in the hive but were migrated. */
  private layerIdens({ layers, orphans }: SourceCortex): string[] {
    const migrated = orphans.filter(({ iden }) => this.checkpoints.has(`nodes/${iden}`))
    return [...layers, ...migrated].map(({ iden }) => iden).sort()
  }

  private openSlabs(iden: string): SlabReader[] {
    const { srcDir, destDir } = this.options
    const paths = [
      ...SOURCE_SLABS.map((slab) => cortexPaths(srcDir).layer(iden).slab(slab)),
      ...DEST_LAYER_SLABS.map((slab) => cortexPaths(destDir).layer(iden).slab(slab)),
    ]
    // The comparison of a slab reports that it cannot be opened.
    return paths
      .filter((path) => SlabReader.exists(path))
      .flatMap((path) => (path.startsWith(destDir) ? this.opened(path) : [SlabReader.open(path)]))
  }

  private opened(path: string): SlabReader[] {
    try {
      return [SlabReader.open(path)]
    } catch (error) {
      if (destDamageOf(error) === null) throw error
      return []
    }
  }

  /** Reads something from the destination. If it is damaged, reports a difference and returns `otherwise`. */
  private ofDest<T>(place: string, read: () => T, otherwise: T): T {
    try {
      return read()
    } catch (error) {
      const row = destDamageOf(error)
      if (row === null) throw error
      if (!this.differences.some((known) => known.place === place)) {
        this.differences.push({ kind: 'different', layer: null, place, buid: null, row, expected: null, found: null })
        this.damageCount++
      }
      return otherwise
    }
  }

  /** Records why a layer may differ, and refuses one whose migration has not finished. */
  private checkLayer(iden: string, model: ModelData): void {
    const { srcDir, destDir } = this.options
    for (const slab of DEST_LAYER_SLABS) {
      const path = cortexPaths(destDir).layer(iden).slab(slab)
      if (!SlabReader.exists(path)) continue
      const [reader] = this.opened(path)
      if (reader === undefined) continue
      const { txnId } = reader
      reader.close()
      const written = this.checkpoint('nodes', iden)?.writtenTxns?.[slab]
      if (txnId > (written ?? BUILT_TXN) && this.isOurs)
        this.expected.push(`${slab}.lmdb of layer ${iden} has been written to since it was made`)
      if (isInUse(path)) this.expected.push(`A process has ${slab}.lmdb of layer ${iden} open`)
    }
    for (const step of ['nodes', 'splices'] as const) {
      const checkpoint = this.checkpoint(step, iden)
      if (checkpoint === null) continue
      if (!checkpoint.isBuilt) {
        throw new MigrationError(
          'ERR_PREFLIGHT',
          `Cannot verify layer ${iden}: the migration of its ${step} has not finished`,
          {
            hint: 'let migrate finish it with --from-last',
          },
        )
      }
      if (checkpoint.fingerprint.model !== modelKey(model)) {
        throw new MigrationError(
          'ERR_PREFLIGHT',
          `Cannot verify layer ${iden}: its ${step} were migrated with another model`,
          { hint: 'Give the same --model files as the migration was given, in the same order' },
        )
      }
    }
    const [nodes, splices] = [this.checkpoint('nodes', iden), this.checkpoint('splices', iden)]
    const changed = changedSlabs(cortexPaths(srcDir).layer(iden), { nodes, splices }).map((path) => basename(path))
    if (changed.length > 0) {
      this.expected.push(
        `Layer ${iden} of the source is not as it was migrated (${changed.join(', ')}): it has been written to since, ` +
          'or was then, or is another backup',
      )
    }
  }

  private async layer(
    iden: string,
    source: SourceCortex,
    model: ModelData,
    progress: VerifyProgress,
    logged: LoggedErrors = { nodes: 0, nodedata: 0, splices: 0 },
  ): Promise<void> {
    const { srcDir, destDir, sample, memoryBytes } = this.options
    const nodes = this.checkpoint('nodes', iden)
    const logPath = migrationLogPath(destDir)
    const verifier = new LayerVerifier(
      {
        iden,
        srcDir,
        destDir,
        otherLayers: layersBelow(source, iden),
        model,
        checks: nodes?.fingerprint.checks !== false,
        mapPartial: nodes?.fingerprint.mapPartial !== false,
        isLayerMissing: isLayerMissing(source),
        withNodedata: nodes === null || nodes.fingerprint.slabs.nodedata !== null,
        nodelim: nodes?.nodelim ?? null,
        withNodes: this.isMigrated('nodes'),
        withSplices: this.isMigrated('splices'),
        sample,
        memoryBytes,
        logPath:
          SlabReader.exists(logPath) && this.opened(logPath).map((slab) => slab.close()).length > 0 ? logPath : null,
        isOurs: this.isOurs,
        loggedErrors: logged,
        progress: (done, total) => this.events.progress(iden, done, total),
      },
      this.pool,
      progress,
    )
    this.layers.push(await verifier.run())
    this.counts.set(iden, verifier.counts)
    this.notCompared.push(...verifier.notCompared)
    this.differences.push(...verifier.differences)
    this.isCountExact &&= verifier.isCountExact
  }

  /** A step that was not requested has no checkpoints. A destination without any is from the reference. */
  private isMigrated(step: 'nodes' | 'splices'): boolean {
    return (
      !this.isOurs ||
      this.areCheckpointsDamaged ||
      [...this.checkpoints.keys()].some((key) => key.startsWith(`${step}/`))
    )
  }

  private checkpoint<Step extends keyof LayerCheckpoints>(step: Step, iden: string): LayerCheckpoints[Step] | null {
    return layerCheckpoint(this.checkpoints, step, iden)
  }

  private loggedErrors(): Map<string, LoggedErrors> {
    const counts = new Map<string, { nodes: number; nodedata: number; splices: number }>()
    for (const record of readErrorRecords(this.options.destDir) ?? []) {
      this.errorCounts.add(record)
      const { layer, step } = record
      if (layer === null || (step !== 'nodes' && step !== 'nodedata' && step !== 'splices')) continue
      const count = counts.get(layer) ?? { nodes: 0, nodedata: 0, splices: 0 }
      count[step]++
      counts.set(layer, count)
    }
    return counts
  }
}

/** Layers that the migration left empty on request, and that no later run has migrated. */
function skippedLayers(destDir: string, checkpoints: ReadonlyMap<string, unknown>): Set<string> {
  const records = readMigrationLog(destDir) ?? []
  const idens = records
    .filter(({ migrop, logtyp }) => migrop === 'hivelyr' && logtyp === 'skip')
    .map(({ key }) => String(key))
  return new Set(idens.filter((iden) => !checkpoints.has(`nodes/${iden}`) && !checkpoints.has(`splices/${iden}`)))
}
