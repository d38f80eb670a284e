import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { assert, MigrationError } from '../../errors.js'
import { runError } from '../../file/system-failure.js'
import type { Log } from '../../log.js'
import { FAN_IN } from '../../run/run-levels.js'
import { readSource } from '../../source/cortex-dir.js'
import { cortexModel } from '../../source/cortex-model.js'
import { refuseLiveLayers } from '../../source/live-layers.js'
import { makeCredits } from '../../thread/chunk-sender.js'
import { entries } from '../../thread/entries.js'
import { TaskPool } from '../../thread/task-pool.js'
import { type Share, shareOf } from '../layer-plan.js'
import type { LayerContext } from '../layer-step.js'
import { layerNodes } from '../nodes-step.js'
import type { MigrateOptions } from '../options.js'
import type { ProgressEvent } from '../progress.js'
import { layerSplices } from '../splices-step.js'
import {
  makePartDir,
  type PartId,
  type PartRecord,
  partError,
  readPart,
  requireParts,
  runPathsOf,
  runsName,
} from './part-dirs.js'
import { PartWriter } from './part-writer.js'
import { assertVersion, isDone, optionsOf, type PlannedLayer, plannedLayer, readPlan } from './parts-plan.js'
import { assertCell, assertPlanned, layerSource, MOST_PARTS } from './plan-parts.js'

/** What a part needs to know besides the plan. `options` are those of this host: its paths, workers and memory. */
export interface PartRequest {
  readonly id: PartId
  /** The version of this program. */
  readonly version: string
  /** How many parts there are, as the caller believes. */
  readonly parts: number
  readonly options: MigrateOptions
  readonly log: Log
  readonly show: (event: ProgressEvent) => void
  /** The command that makes a part, for hints. */
  readonly command: (id: PartId) => string
}

export interface PartResult extends Pick<PartRecord, 'bytes' | 'errorCount'> {
  /** False when it was there already. */
  readonly isMade: boolean
}

/**
 * Makes a part of a layer: translates some of its partitions or of its splices, or merges some of its index rows. Writes
 * nothing but the directory of that part, and needs no lock.
 *
 * @throws {MigrationError} ERR_PREFLIGHT when something must be made before, ERR_CHECKPOINT_MISMATCH when the source is
 *   not the one of the plan
 */
export async function makePart({
  id,
  version,
  parts,
  options: host,
  log,
  show,
  command,
}: PartRequest): Promise<PartResult> {
  const { srcDir, destDir } = host
  const { iden, step, part } = id
  const plan = readPlan(destDir)
  assertVersion(destDir, plan, version)
  const planned = plannedLayer(plan, iden)
  if (planned.parts[step] !== parts || part < 1 || part > parts) {
    throw new MigrationError(
      'ERR_CHECKPOINT_MISMATCH',
      `Cannot make part ${part}/${parts} of ${step}: layer ${iden} has ${planned.parts[step]} in the plan`,
      {
        hint: 'Ask the plan: synapse-migrator part plan --json, with the same options, prints it again',
      },
    )
  }
  const options: MigrateOptions = { ...host, ...optionsOf(plan), pieces: planned.pieces }
  const source = readSource(srcDir, destDir, srcDir)
  const model = { ...cortexModel(source, options.modelFiles).model, now: plan.now }
  assertCell(source.dir, plan)
  assertPlanned(layerSource(source, iden, model, options), planned)
  const known = readPart(destDir, plan, id)
  if (known !== null) return { ...known, isMade: false }
  if (isDone(destDir, plan, iden)) return { bytes: 0, errorCount: 0, isMade: false }
  refuseLiveLayers(source.dir, [iden])
  const before = step === 'merge' ? requireParts(destDir, plan, planned, ['extract'], { doing: 'merge', command }) : []
  process.umask(0o077)
  const pool = new TaskPool(options.workers, entries.task)
  try {
    const { record, isFirst } = await makePartDir(destDir, id, async (dir) => {
      const writer = new PartWriter(dir)
      let errorCount = 0
      const context: LayerContext = {
        layer: { iden, srcDir: source.dir, destDir, model, fromLast: false, made: null, pieces: planned.pieces },
        source,
        options,
        threads: { pool, writer: writer.port, credits: makeCredits(options.memoryBytes), store: writer.store },
        log,
        show,
        errors: (count) => {
          errorCount += count
        },
        differences: () => {},
      }
      const done = await doPart(context, planned, id, dir, runPathsOf(destDir, before))
      return { plan: plan.fingerprint, ...done, bytes: writer.bytes, errorCount }
    })
    return { ...record, isMade: isFirst }
  } catch (error) {
    // Whoever has finished the layer in the meantime had this part of another process, and has cleared up.
    if (isDone(destDir, plan, iden)) return { bytes: 0, errorCount: 0, isMade: false }
    throw partError(runError(error, options), destDir, iden)
  } finally {
    await pool.close()
  }
}

async function doPart(
  context: LayerContext,
  { plan, parts }: PlannedLayer,
  id: PartId,
  dir: string,
  runPaths: readonly string[],
): Promise<Pick<PartRecord, 'share' | 'runs'>> {
  const { step, part } = id
  const of = (pieces: number): Share => shareOf(pieces, part, parts[step])
  if (step === 'merge') return { share: await layerNodes(context).mergeShare(runPaths, of), runs: [] }
  if (step === 'splices') {
    const share = of(plan.starts.length)
    await layerSplices(context).extractShare(plan.starts, share)
    return { share, runs: [] }
  }
  const share = of(plan.borders.length + 1)
  const name = runsName(id)
  mkdirSync(join(dir, name), { mode: 0o700 })
  // All parts together leave as many runs as the last merge takes.
  const fanIn = context.layer.pieces.fanIn ?? {
    atOnce: FAN_IN.atOnce,
    most: Math.max(1, Math.floor(MOST_PARTS / parts.extract)),
  }
  const runs = await layerNodes(context).extractShare(plan, share, fanIn, join(dir, name))
  assert(share.end > share.first, () => `part ${part} of layer ${id.iden} has no partition`)
  return { share, runs: runs.map((path) => join(name, path.slice(join(dir, name).length + 1))) }
}
