import { MigrationError } from '../../errors.js'
import { cortexPaths } from '../../layout/paths.js'
import type { Log } from '../../log.js'
import { SlabReader } from '../../page/page-reader.js'
import { readSource } from '../../source/cortex-dir.js'
import { cortexModel } from '../../source/cortex-model.js'
import { Migrator, type Stage } from '../migrator.js'
import type { MigrateOptions } from '../options.js'
import type { Progress } from '../progress.js'
import type { MigrateSummary } from '../summary.js'
import { madeParts, type PartId, partError, removeParts, requireParts } from './part-dirs.js'
import {
  assertVersion,
  doneErrors,
  isDone,
  type KnownPlan,
  optionsOf,
  plannedLayer,
  readPlan,
  setDone,
} from './parts-plan.js'
import { PART_STEPS } from './pieces.js'
import { assertCell, assertPlanned, CELL_SLABS, layerSource } from './plan-parts.js'

const CELL = 'cell'

/** A stage for whoever runs it. */
export interface PlannedRun {
  readonly options: MigrateOptions
  readonly stage: Stage
}

/** A stage that has the destination to itself. `options` are those of this host: its paths, workers and memory. */
export interface StageRequest {
  /** The version of this program. */
  readonly version: string
  readonly options: MigrateOptions
  readonly log: Log
  readonly progress: Progress
  /** Called once the destination is locked. */
  readonly begin: () => void
  /** The command that makes a part, or that does the stage of a name, for hints. */
  readonly command: (id: PartId | string) => string
}

/** Null when the stage was done before. */
export type StageResult = MigrateSummary | null

/** Does all that comes before the layers: files, hive, users, queues, triggers, cron jobs. */
export async function makeCell(request: StageRequest): Promise<StageResult> {
  const { plan, options } = planned(request)
  if (isStageDone(options, plan, CELL)) return null
  // `plan` has agreed to what this replaces.
  const summary = await run(request, { ...options, restart: true, workers: 1 }, { of: 'cell' })
  setDone(options.destDir, plan, CELL, summary.errorCount)
  return summary
}

/** Places the pages that parts have made of a layer, and completes its slabs. */
export async function finishLayer(request: StageRequest, iden: string): Promise<StageResult> {
  const { plan, options } = planned(request)
  const { destDir } = options
  const layer = plannedLayer(plan, iden)
  if (isDone(destDir, plan, iden)) return null
  requireStages(request, plan, [CELL], `finish layer ${iden}`)
  const parts = requireParts(destDir, plan, layer, PART_STEPS, { doing: 'finish', command: request.command })
  const stage: Stage = { of: 'layer', ...madeParts(destDir, layer, parts) }
  const layerOptions = { ...options, onlyLayers: [iden], fromLast: true, pieces: layer.pieces }
  const summary = await run(request, layerOptions, stage).catch((error) => {
    throw partError(error, destDir, iden)
  })
  setDone(destDir, plan, iden, summary.errorCount)
  removeParts(destDir, iden)
  return summary
}

/**
 * The last stage: a migration that has nothing left to do but what comes after the layers.
 *
 * @throws {MigrationError} ERR_PREFLIGHT when a layer is not finished
 */
export function restOf(request: Pick<StageRequest, 'version' | 'options' | 'command'>): PlannedRun {
  const { plan, options } = planned(request)
  const idens = plan.layers.map(({ iden }) => iden)
  requireStages(request, plan, [CELL, ...idens], `finish "${options.destDir}"`)
  const cellErrors = doneErrors(options.destDir, plan, CELL) ?? 0
  return { options: { ...options, fromLast: true }, stage: { of: 'rest', cellErrors } }
}

/** Checks the source, and returns the options of the plan. */
function planned({ version, options: host }: Pick<StageRequest, 'version' | 'options'>): {
  plan: KnownPlan
  options: MigrateOptions
} {
  const { srcDir, destDir } = host
  const plan = readPlan(destDir)
  assertVersion(destDir, plan, version)
  const options = { ...host, ...optionsOf(plan) }
  const source = readSource(srcDir, destDir, srcDir)
  const { model } = cortexModel(source, options.modelFiles)
  assertCell(source.dir, plan)
  for (const layer of plan.layers) assertPlanned(layerSource(source, layer.iden, model, options), layer)
  return { plan, options }
}

function requireStages(
  { options, command }: Pick<StageRequest, 'options' | 'command'>,
  plan: KnownPlan,
  stages: readonly string[],
  doing: string,
): void {
  const open = stages.filter((stage) => !isStageDone(options, plan, stage))
  if (open.length === 0) return
  const list = open.map((stage) => (stage === CELL ? CELL : `layer ${stage}`)).join(', ')
  throw new MigrationError('ERR_PREFLIGHT', `Cannot ${doing}: not done yet, ${list}`, {
    hint: `Run first: ${open.map(command).join('; ')}`,
  })
}

/** The cell counts only as long as its slabs are there. Layers have checkpoints, by which `finish` makes them again. */
function isStageDone({ srcDir, destDir }: MigrateOptions, plan: KnownPlan, stage: string): boolean {
  const [source, dest] = [srcDir, destDir].map(cortexPaths)
  const isThere = CELL_SLABS.every(
    (slab) => !SlabReader.exists(source.slab(slab)) || SlabReader.exists(dest.slab(slab)),
  )
  return isDone(destDir, plan, stage) && (stage !== CELL || isThere)
}

function run({ log, progress, begin }: StageRequest, options: MigrateOptions, stage: Stage): Promise<MigrateSummary> {
  return new Migrator(options, log, progress, begin, stage).run()
}
