import { itemOf } from '../../bytes/byte-list.js'
import { assert, MigrationError } from '../../errors.js'
import { cortexPaths } from '../../layout/paths.js'
import type { SlabPrint } from '../../layout/records.js'
import type { Log } from '../../log.js'
import type { ModelData } from '../../model/model.js'
import { SlabReader } from '../../page/page-reader.js'
import { slabPrint } from '../../page/slab-print.js'
import { preflight } from '../../preflight/preflight.js'
import { refusal } from '../../preflight/refusal.js'
import { readSource, type SourceCortex } from '../../source/cortex-dir.js'
import { cortexModel } from '../../source/cortex-model.js'
import { isLayerMissing, layersBelow } from '../../source/layers-below.js'
import { refuseLiveLayers } from '../../source/live-layers.js'
import { partitionBytesOf, planPartitions } from '../../source/partitions.js'
import { findNodeRows, nodedataRows, spliceRows } from '../../source/source-dbs.js'
import { planStarts } from '../../source/splice-ranges.js'
import { planUpgrade } from '../../upgrade/upgrade-source.js'
import { checkpointDiffers, isSameSlab } from '../checkpoint-differs.js'
import { type LayerNodesSource, nodesFingerprint, splicesFingerprint } from '../layer-plan.js'
import type { MigrateOptions, PieceSizes } from '../options.js'
import { takeRunLock } from '../run-lock.js'
import {
  assertVersion,
  isPlanned,
  type KnownPlan,
  type PartsPlan,
  type PlannedLayer,
  type PlannedOptions,
  plannedOptions,
  readPlan,
  writePlan,
} from './parts-plan.js'

/** Slabs of the cell that steps read. */
export const CELL_SLABS = ['cell', 'queues'] as const
/** More parts would leave more runs than the merge reads at once. */
export const MOST_PARTS = 512
/** Pieces per part, at least, so that its workers all have something to do. */
const PIECES_PER_PART = 4
/** Pieces of parts that are at least so large are as large as in one run. */
const USUAL_PART_BYTES = 64 << 20
const USUAL_RANGE_BYTES = 8 << 20

/** What a layer's rows depend on, from the source as it is now. */
export function layerSource(
  source: SourceCortex,
  iden: string,
  model: ModelData,
  { mapPartial, safetyOff, destDir }: Pick<MigrateOptions, 'mapPartial' | 'safetyOff' | 'destDir'>,
): LayerNodesSource {
  return {
    iden,
    srcDir: source.dir,
    destDir,
    otherLayers: layersBelow(source, iden),
    model,
    checks: !safetyOff,
    mapPartial,
    isLayerMissing: isLayerMissing(source),
    withNodedata: true,
    nodelim: null,
  }
}

/** @throws {MigrationError} ERR_CHECKPOINT_MISMATCH when hive, queues or triggers are not those of the plan */
export function assertCell(srcDir: string, { cell }: PartsPlan): void {
  const now = cellPrints(srcDir)
  const other = CELL_SLABS.filter((slab) => !isSameSlab(cell[slab] ?? null, now[slab] ?? null))
  if (other.length === 0) return
  const list = other.map((slab) => `${slab}.lmdb`).join(', another ')
  throw new MigrationError('ERR_CHECKPOINT_MISMATCH', `Cannot use "${srcDir}": the plan is for another ${list}`, {
    hint: 'Give the source of the plan, or plan again with --restart',
  })
}

function cellPrints(srcDir: string): Record<string, SlabPrint> {
  const { slab } = cortexPaths(srcDir)
  const there = CELL_SLABS.filter((name) => SlabReader.exists(slab(name)))
  return Object.fromEntries(there.map((name) => [name, slabPrint(slab(name))]))
}

/** @throws {MigrationError} ERR_CHECKPOINT_MISMATCH when the source or the options are not those of the plan */
export function assertPlanned(layer: LayerNodesSource, planned: PlannedLayer): void {
  checkpointDiffers(layer.iden, planned.nodes, nodesFingerprint(layer))
  if (planned.splices !== null) checkpointDiffers(layer.iden, planned.splices, splicesFingerprint(layer))
}

/**
 * Plans a migration in parts, or checks that an earlier plan is for the same source and options.
 *
 * @param options of the migration; `restart` replaces an earlier plan
 * @param of.version of this program
 * @param of.partBytes source bytes of a part
 * @param of.modelNames what the operator calls the model files
 * @returns the plan, and whether it is a new one
 */
export async function planParts(
  options: MigrateOptions,
  {
    version,
    partBytes,
    modelNames,
  }: { readonly version: string; readonly partBytes: number; readonly modelNames: readonly string[] },
  log: Log,
): Promise<{ readonly plan: KnownPlan; readonly isNew: boolean }> {
  const { srcDir, destDir, restart } = options
  if (planUpgrade(srcDir) !== null) {
    throw new MigrationError('ERR_PREFLIGHT', `Cannot plan parts of "${srcDir}": it is older than 0.1.58`, {
      hint: 'Use migrate_020, which first upgrades a copy of it',
    })
  }
  const source = readSource(srcDir, destDir, srcDir)
  const known = isPlanned(destDir) && !restart ? readPlan(destDir) : null
  const found = await preflight(source, { ...options, fromLast: known !== null })
  for (const { text } of found.warnings) log('WARNING', text)
  if (found.problems.length > 0) throw refusal(found.problems)
  refuseLiveLayers(source.dir, found.layers)
  const { model } = cortexModel(source, options.modelFiles)
  const layers = found.layers.map((iden) => layerSource(source, iden, model, options))
  if (known !== null) {
    assertVersion(destDir, known, version)
    assertCell(source.dir, known)
    assertSamePlan(known, layers, plannedOptions(options, modelNames), partBytes, destDir)
    return { plan: known, isNew: false }
  }
  process.umask(0o077)
  const lock = await takeRunLock(destDir, (text) => log('WARNING', text))
  try {
    const plan = {
      version,
      now: model.now,
      cell: cellPrints(source.dir),
      options: plannedOptions(options, modelNames),
      partBytes,
      layers: layers.map((layer) => planLayer(layer, options, partBytes)),
    }
    return { plan: writePlan(destDir, plan), isNew: true }
  } finally {
    lock.release()
  }
}

function assertSamePlan(
  known: KnownPlan,
  layers: readonly LayerNodesSource[],
  options: PlannedOptions,
  partBytes: number,
  destDir: string,
): void {
  const facts = (asked: PlannedOptions, bytes: number, idens: readonly { iden: string }[]) =>
    // A model may be given by another path.
    Object.entries({ ...asked, modelNames: [], partBytes: bytes, layers: idens.map(({ iden }) => iden) })
  const before = new Map(facts(known.options, known.partBytes, known.layers))
  const other = facts(options, partBytes, layers).filter(([name, value]) => {
    return JSON.stringify(before.get(name)) !== JSON.stringify(value)
  })
  if (other.length > 0) {
    const list = other.map(([name]) => name).join(', ')
    throw new MigrationError(
      'ERR_CHECKPOINT_MISMATCH',
      `Cannot use the plan for parts in "${destDir}": it was made with other options (${list})`,
      {
        hint: 'Give the options of the first time, or plan again with --restart',
      },
    )
  }
  for (const [i, layer] of layers.entries()) assertPlanned(layer, known.layers[i])
}

function planLayer(layer: LayerNodesSource, options: MigrateOptions, partBytes: number): PlannedLayer {
  const paths = cortexPaths(layer.srcDir).layer(layer.iden)
  const open = (name: 'layer' | 'nodedata' | 'splices') =>
    SlabReader.exists(paths.slab(name)) ? SlabReader.open(paths.slab(name)) : null
  const [nodes, data, splices] = [open('layer'), open('nodedata'), open('splices')]
  try {
    assert(nodes !== null, () => `layer "${layer.iden}" has no slab`)
    const { pageSize } = nodes
    const dbs = [findNodeRows(nodes), nodedataRows(data)].filter((db) => db !== undefined)
    const history = splices === null ? undefined : spliceRows(splices)
    const nodeBytes = dbs.reduce((sum, { dataPages }) => sum + dataPages * pageSize, 0)
    const spliceBytes = (history?.dataPages ?? 0) * pageSize
    const pieces = { ...piecesOf(partBytes), ...options.pieces }
    const each = Math.min(partitionBytesOf(nodeBytes, options), Math.ceil(partBytes / PIECES_PER_PART))
    const partitionBytes = pieces.partitionBytes ?? each
    const borders = planPartitions(dbs, pageSize, { ...options, workers: 1, partitionBytes })
    const starts = splices === null ? [] : planStarts(history, pageSize, pieces.rangeBytes)
    const parts = partsOf(nodeBytes, partBytes, borders.ends.length + 1)
    return {
      iden: layer.iden,
      sourceBytes: nodeBytes + spliceBytes,
      nodes: nodesFingerprint(layer),
      splices: splices === null ? null : splicesFingerprint(layer),
      plan: { borders: Array.from(borders.ends, (_, i) => itemOf(borders, i).slice()), starts, parts },
      pieces,
      parts: {
        extract: parts,
        merge: parts,
        splices: splices === null ? 0 : partsOf(spliceBytes, partBytes, starts.length),
      },
    }
  } finally {
    for (const slab of [nodes, data, splices]) slab?.close()
  }
}

function piecesOf(partBytes: number): PieceSizes {
  const each = Math.ceil(partBytes / PIECES_PER_PART)
  return {
    rangeBytes: Math.min(USUAL_RANGE_BYTES, each),
    ...(partBytes < USUAL_PART_BYTES && { unitBytes: each }),
  }
}

function partsOf(bytes: number, partBytes: number, pieces: number): number {
  return Math.max(1, Math.min(Math.ceil(bytes / partBytes), pieces, MOST_PARTS))
}
