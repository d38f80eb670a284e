import { existsSync, rmSync } from 'node:fs'
import { ErrorCounts } from '../dest/error-counts.js'
import { isCodeLacking } from '../file/compiled-code.js'
import { runError } from '../file/system-failure.js'
import { cortexPaths } from '../layout/paths.js'
import type { Log } from '../log.js'
import type { ModelData } from '../model/model.js'
import { preflight } from '../preflight/preflight.js'
import { refusal } from '../preflight/refusal.js'
import { readSource, type SourceCortex } from '../source/cortex-dir.js'
import { cortexModel } from '../source/cortex-model.js'
import { readableLayers } from '../source/layers-below.js'
import { type NeededLayers, refuseLiveLayers, snapshotIfLive } from '../source/live-layers.js'
import { LAYER_STEPS } from '../step/context.js'
import { counted } from '../text/table.js'
import { makeCredits } from '../thread/chunk-sender.js'
import { entries } from '../thread/entries.js'
import { inTurn } from '../thread/in-turn.js'
import { RunningTasks } from '../thread/running-tasks.js'
import { TaskPool } from '../thread/task-pool.js'
import { WriterClient } from '../thread/writer-client.js'
import { planUpgrade, type UpgradePlan, upgradeSource } from '../upgrade/upgrade-source.js'
import { upgradeNotes, withUpgrade } from '../upgrade/with-source.js'
import { callsAfter, type LayerWriterPort } from '../writer/layer-writer.js'
import { addedUp, cellDifferences, type DifferenceCounts } from './differences.js'
import { dryCellSteps } from './dry-cell-steps.js'
import { DryWriter } from './dry-writer.js'
import { ErrorBudget } from './error-budget.js'
import { assertNodesStay, keepNodedata } from './kept-steps.js'
import type { MadeParts } from './layer-plan.js'
import { type LayerContext, type LayerCounts, type LogRow, recordRows } from './layer-step.js'
import { LAYER_WORKS } from './layer-steps.js'
import type { MigrateOptions } from './options.js'
import { clearParts } from './parts/parts-plan.js'
import { plannedWork } from './planned-work.js'
import type { Progress } from './progress.js'
import { heldByOther, isLocked, otherRun, takeRunLock, traceOfRuns } from './run-lock.js'
import { RunProgress } from './run-progress.js'
import type { StreamStore } from './stream-task.js'
import type { LayerSummary, MigrateSummary } from './summary.js'

/** How many layers to migrate at a time: small ones fill the gaps of large ones. */
const LAYERS_AT_ONCE = 4
/** How many characters of an error's message the log shows. Values may be long; the migration log has all of it. */
const SHOWN_MESSAGE = 300

/** A migration in several processes: which stage of it this one is. Parts of layers are made by others before. */
export type Stage =
  /** All that comes before the layers. */
  | { readonly of: 'cell' }
  /** Places what parts have made of one layer. */
  | { readonly of: 'layer'; readonly made: MadeParts; readonly store: StreamStore }
  /** What comes after the layers. `cellErrors` are those of the first stage. */
  | { readonly of: 'rest'; readonly cellErrors: number }

/** A migration from start to end. */
export class Migrator {
  private readonly startedMs = Date.now()
  private readonly notes: string[] = []
  private readonly layerDifferences: DifferenceCounts[] = []
  private cellDifferences: DifferenceCounts = {}
  private readonly budget: ErrorBudget
  private readonly seenRuns: string
  private readonly sawLock: boolean
  /** Layers that stay empty, and layers that stay as they are, both as requested. */
  private skipped: readonly string[] = []
  private left: readonly string[] = []
  /** Layers to skip that an earlier run has finished. */
  private kept: readonly string[] = []

  private readonly options: MigrateOptions
  private readonly progress: RunProgress

  constructor(
    asked: MigrateOptions,
    private readonly log: Log,
    progress: Progress,
    /** Called once this run has locked the destination. */
    private readonly begin: () => void = () => {},
    /** Null: all of it. */
    private readonly stage: Stage | null = null,
  ) {
    this.seenRuns = traceOfRuns(asked.destDir)
    this.sawLock = isLocked(asked.destDir)
    const options = keepNodedata(asked)
    this.options = options
    if (options !== asked) log('INFO', 'The destination has node data: step nodedata runs as well, which keeps it')
    this.budget = new ErrorBudget(options.maxErrors, options.destDir, options.dryRun, (count) =>
      progress.errors?.(count),
    )
    this.progress = new RunProgress(progress, options.workers)
  }

  /**
   * @param aborted rejects when the caller wants it to stop. It stops at once, because it may be killed at any time
   *   anyway
   */
  async run(aborted: Promise<never> | null = null): Promise<MigrateSummary> {
    const { options, log } = this
    // Start the threads early: they load their code while we look at the source.
    const running = new RunningTasks((text) => log('WARNING', text))
    const pool = new TaskPool(options.workers, entries.task, this.progress.tasks(running))
    const writer = options.dryRun ? null : new WriterClient(log, this.progress.calls(running))
    if (writer !== null) pool.breakOn(writer.broken)
    if (aborted !== null) pool.breakOn(aborted)
    try {
      const { srcDir, destDir, modelFiles } = options
      const look = { srcDir, destDir, modelFiles, tell: () => {} }
      const read = (dir: string) => readSource(dir, destDir, srcDir)
      const upgrade = planUpgrade(srcDir)
      if (upgrade !== null) for (const text of upgradeNotes(upgrade)) log('WARNING', text)
      const layers = await withUpgrade(upgrade, { ...look, depth: 'cell' }, (dir) => this.checked(read(dir), writer))
      if (writer !== null) return await this.locked(upgrade, layers, pool, writer, aborted)
      const whole = { ...look, depth: 'whole' } as const
      const dryRun = withUpgrade(upgrade, whole, (dir) => this.dryRun(read(dir), layers, pool))
      return await orAborted(dryRun, aborted)
    } catch (error) {
      throw runError(error, options)
    } finally {
      running.close()
      await writer?.close()
      await pool.close()
    }
  }

  /** Returns the layers to migrate; throws if there are problems. */
  private async checked(source: SourceCortex, writer: WriterClient | null): Promise<readonly string[]> {
    const { options, log } = this
    // The thread that needs the binding loads it, while this one looks at the source.
    const binding = writer === null ? {} : { loadBinding: () => writer.call('loadBinding', {}) }
    const findings = await preflight(source, options, binding)
    for (const { text } of findings.warnings) log('WARNING', text)
    this.notes.push(...findings.notes)
    if (findings.problems.length > 0) {
      // If another run is writing there, the findings are about its unfinished work.
      const held = await heldByOther(options.destDir, (text) => log('WARNING', text))
      if (held !== null) throw held
      // The same if another run has just ended.
      this.assertUnchanged()
      if (this.sawLock && !isLocked(options.destDir)) throw otherRun(options.destDir)
      throw refusal(findings.problems)
    }
    this.skipped = findings.skipped
    this.left = findings.left
    this.kept = findings.kept
    if (options.safetyOff) log('WARNING', 'Node value checking before addition has been disabled')
    return findings.layers
  }

  private async locked(
    upgrade: UpgradePlan | null,
    layers: readonly string[],
    pool: TaskPool,
    writer: WriterClient,
    aborted: Promise<never> | null,
  ): Promise<MigrateSummary> {
    // Nearly all files hold secrets or an analyst's data: nobody else may read them.
    process.umask(0o077)
    const lock = await takeRunLock(this.options.destDir, (text) => this.log('WARNING', text))
    pool.breakOn(lock.lost)
    try {
      this.assertUnchanged()
      this.begin()
      return await orAborted(this.migrate(this.source(upgrade), layers, pool, writer), aborted)
    } finally {
      await writer.close()
      lock.release()
    }
  }

  /** Checks that the destination is still what the checks saw, now that it is locked. */
  private assertUnchanged(): void {
    const { destDir } = this.options
    if (traceOfRuns(destDir) !== this.seenRuns) throw otherRun(destDir)
  }

  /** The source, or its upgrade to 0.1.58, which a resumed run reuses. */
  private source(upgrade: UpgradePlan | null): SourceCortex {
    const { srcDir, destDir, modelFiles } = this.options
    if (upgrade === null) return readSource(srcDir, destDir)
    const dir = upgradeSource(upgrade, cortexPaths(destDir).migration.source, modelFiles)
    return readSource(dir, destDir, srcDir)
  }

  /** Translates everything and writes nothing to the destination. */
  private async dryRun(source: SourceCortex, layers: readonly string[], pool: TaskPool): Promise<MigrateSummary> {
    refuseLiveLayers(source.dir, layers)
    const { model, warnings } = cortexModel(source, this.options.modelFiles)
    const writer = new DryWriter(this.options.acceptedErrors)
    const cellErrors = await dryCellSteps(
      source,
      this.cellLayers(layers),
      warnings,
      this.options,
      this.log,
      writer.errors,
    )
    this.budget.add(cellErrors)
    const results = await this.migrateLayers(source, layers, model, pool, writer.port)
    return this.summary(source, results, cellErrors, writer.errors)
  }

  private async migrate(
    source: SourceCortex,
    layers: readonly string[],
    pool: TaskPool,
    writer: WriterClient,
  ): Promise<MigrateSummary> {
    const { options } = this
    const { destDir } = options
    const { model, warnings } = cortexModel(source, options.modelFiles)
    if (this.stage?.of === 'layer') {
      await writer.call('open', { destDir })
      const results = await this.migrateLayers(source, layers, model, pool, writer)
      return this.summary(source, results, 0, new ErrorCounts(options.acceptedErrors))
    }
    this.checkNodedata(source, layers, model)
    this.progress.planCell()
    const prepared = this.prepare(source, layers, warnings, writer)
    if (this.stage?.of === 'cell') {
      const errorCount = await prepared
      await writer.call('finishDirn', {})
      await writer.call('sync', { destDir })
      return this.summary(source, [], errorCount, new ErrorCounts(options.acceptedErrors))
    }
    // Workers start on the splices at once; calls to the writer wait.
    const [cellErrors, results] = await Promise.all([
      prepared,
      this.migrateLayers(source, layers, model, pool, callsAfter(prepared, writer)),
    ])
    const finished = this.progress.steps('finish')
    await writer.call('finishDirn', {})
    finished()
    await writer.call('emptySlabs', { destDir, layers: [...layers, ...this.skipped] })
    finished()
    await writer.call('nexus', {
      destDir,
      logLayers: options.addMode === 'nexus' && options.ops.has('nodes') ? layers : [],
      batchSize: options.editBatchSize,
    })
    finished()
    await writer.call('reports', { destDir, ops: [...options.ops], skipped: this.skipped })
    finished()
    await writer.call('sync', { destDir })
    finished()
    this.removeScratch(layers)
    finished()
    const errors = new ErrorCounts(options.acceptedErrors)
    errors.addLog(destDir, options.ops)
    if (isCodeLacking()) await Promise.all([writer.call('keepCode', {}), pool.run('keepCode', {})])
    return this.summary(source, results, cellErrors, errors)
  }

  /** Checks that step nodedata without nodes leaves the nodes unchanged. */
  private checkNodedata(source: SourceCortex, layers: readonly string[], model: ModelData): void {
    const { ops } = this.options
    if (ops.has('nodes') || !ops.has('nodedata')) return
    for (const iden of layers) assertNodesStay(source.dir, iden, model, this.options)
  }

  /** Does everything that comes before the layers; returns the number of its errors. */
  private async prepare(
    source: SourceCortex,
    layers: readonly string[],
    modelWarnings: readonly string[],
    writer: WriterClient,
  ): Promise<number> {
    const { destDir, destDedicated, fromLast, ops } = this.options
    const done = this.progress.steps('cell')
    if (this.stage?.of === 'rest') {
      await writer.call('open', { destDir })
      this.budget.add(this.stage.cellErrors)
      return this.stage.cellErrors
    }
    if (ops.has('dirn'))
      await writer.call('copyDirn', {
        srcDir: source.dir,
        givenDir: source.givenDir,
        destDir,
        layers: this.fullLayers(layers),
        emptyLayers: this.skipped,
      })
    else this.log('INFO', `Skipping dirn migration step; dest exists=${existsSync(destDir) ? 'True' : 'False'}`)
    done()
    await writer.call('open', { destDir })
    await writer.call('emptySkipped', { destDir, layers: this.skipped })
    done()
    const cellLayers = this.cellLayers(layers)
    const cell = { srcDir: source.dir, destDir, ops: [...ops], layers: cellLayers, modelWarnings, destDedicated }
    const errors = await writer.call('cellSteps', cell)
    await recordRows(writer, ...this.skipped.map((iden): LogRow => ['hivelyr', 'skip', iden, Date.now()]))
    this.budget.add(errors)
    if (!fromLast) await this.forgetEarlierRuns(writer)
    if (!fromLast && this.stage === null) rmSync(cortexPaths(destDir).migration.parts, { recursive: true, force: true })
    done()
    return errors
  }

  /** The layers that the hive of the destination gets, whatever this run does with them. */
  private cellLayers(layers: readonly string[]): string[] {
    return [...this.fullLayers(layers), ...this.skipped]
  }

  private fullLayers(layers: readonly string[]): string[] {
    return [...layers, ...this.left, ...this.kept].sort()
  }

  private summary(
    source: SourceCortex,
    layers: readonly LayerSummary[],
    cellErrors: number,
    errors: ErrorCounts,
  ): MigrateSummary {
    const { destDir, dryRun } = this.options
    const errorCount = layers.reduce((sum, layer) => sum + layer.errorCount, cellErrors)
    for (const kind of errors.kinds) {
      const first = errors.firstMessage(kind).slice(0, SHOWN_MESSAGE)
      this.log('WARNING', `${counted(kind.errors, 'error')} of ${kind.step}, ${kind.code}: ${first}`)
    }
    return {
      srcDir: source.givenDir,
      destDir,
      isDryRun: dryRun,
      elapsedMs: Date.now() - this.startedMs,
      layers,
      errorCount,
      openErrorCount: errorCount - errors.acceptedCount,
      errorKinds: errors.kinds,
      noteKinds: errors.notes,
      differences: { ...addedUp(this.layerDifferences), ...this.cellDifferences },
      notes: this.notes,
    }
  }

  /** Layers that `--layer` leaves for later must be migrated from the same state then. */
  private needed(source: SourceCortex, layers: readonly string[]): NeededLayers {
    const whole = [...layers, ...this.left]
    return { whole, forms: readableLayers(source).filter((iden) => !whole.includes(iden)) }
  }

  /** Removes what only an unfinished run needs. What layers left for later continue from stays. */
  private removeScratch(layers: readonly string[]): void {
    const { migration } = cortexPaths(this.options.destDir)
    const { build, runs, source, sourceOrigin, snapshot } = migration
    const scratch =
      this.left.length === 0
        ? [snapshot, build, runs, source, sourceOrigin]
        : [...layers, ...this.skipped].flatMap((iden) => [migration.buildOf(iden), migration.runsOf(iden)])
    for (const path of scratch) rmSync(path, { recursive: true, force: true })
    if (this.left.length === 0) clearParts(this.options.destDir)
  }

  private async migrateLayers(
    source: SourceCortex,
    layers: readonly string[],
    model: ModelData,
    pool: TaskPool,
    writer: LayerWriterPort,
  ): Promise<LayerSummary[]> {
    const { options, log } = this
    const stage = this.stage?.of === 'layer' ? this.stage : null
    // Steps that share one function for a layer run it once.
    const works = new Set(LAYER_STEPS.filter((step) => options.ops.has(step)).map((step) => LAYER_WORKS[step]))
    this.cellDifferences = cellDifferences(source, options.ops)
    if (works.size === 0) return []
    const layersDir = options.dryRun
      ? source.dir
      : await snapshotIfLive(source.dir, this.needed(source, layers), options, (text) => log('WARNING', text))
    const credits = makeCredits(options.memoryBytes)
    this.progress.watch(credits)
    this.progress.plan(plannedWork(layersDir, layers, options))
    const results: LayerSummary[] = []
    await inTurn(layers, LAYERS_AT_ONCE, async (iden) => {
      const { destDir, fromLast, pieces = {} } = options
      const layer = { iden, srcDir: layersDir, destDir, model, fromLast, pieces, made: stage?.made ?? null }
      log('INFO', `Starting migration for layer ${iden}`)
      const context: LayerContext = {
        layer,
        source,
        options,
        threads: { pool, writer, credits, ...(stage !== null && { store: stage.store }) },
        log,
        show: (event) => this.progress.show(event),
        errors: (count) => this.budget.add(count),
        differences: (counts) => this.layerDifferences.push(counts),
      }
      const counts = await Promise.all([...works].map((work) => work(context)))
      results.push(summaryOf(iden, counts))
    })
    return results.sort((a, b) => (a.iden < b.iden ? -1 : 1))
  }

  private async forgetEarlierRuns(writer: LayerWriterPort): Promise<void> {
    for (const step of LAYER_STEPS) {
      if (this.options.ops.has(step)) await writer.call('forget', { migrop: step, checkpoints: `${step}/` })
    }
    if (this.options.ops.has('nodes')) await writer.call('forget', { migrop: 'nexus', checkpoints: 'nexus/' })
    if (!this.options.ops.has('splices')) return
    // The reference keeps its splice errors in its directory for splices, and --dump-errors would list them.
    rmSync(cortexPaths(this.options.destDir).migration.splices, { recursive: true, force: true })
  }
}

function orAborted<T>(work: Promise<T>, aborted: Promise<never> | null): Promise<T> {
  return aborted === null ? work : Promise.race([work, aborted])
}

function summaryOf(iden: string, counts: readonly Partial<LayerCounts>[]): LayerSummary {
  const sum = (name: keyof LayerCounts) => counts.reduce((total, { [name]: n = 0 }) => total + n, 0)
  return {
    iden,
    nodes: sum('nodes'),
    migrated: sum('migrated'),
    reduced: sum('reduced'),
    nodedata: sum('nodedata'),
    nodedataMigrated: sum('nodedataMigrated'),
    splices: sum('splices'),
    nodeEdits: sum('nodeEdits'),
    spliceErrors: sum('spliceErrors'),
    errorCount: sum('errorCount'),
  }
}
