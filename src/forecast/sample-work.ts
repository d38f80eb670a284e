import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { byteListOf } from '../bytes/byte-list.js'
import { MigrationError } from '../errors.js'
import { INDEX_DBS } from '../layout/dest-dbs.js'
import { copyNodedata, mergeRuns } from '../migrate/tasks/merge-runs.js'
import { extractNodes } from '../migrate/tasks/node-extract.js'
import { extractSpliceRange } from '../migrate/tasks/splice-range.js'
import { Model, type ModelData } from '../model/model.js'
import { type DbReader, SlabReader } from '../page/page-reader.js'
import { MergePlan } from '../run/merge-plan.js'
import { readRunFooter } from '../run/run-footer.js'
import { copiedBytes } from '../source/copied-bytes.js'
import { readExtModel, readSource } from '../source/cortex-dir.js'
import { planPartitions, rangesOf } from '../source/partitions.js'
import { findNodeRows, nodedataRows, spliceRows } from '../source/source-dbs.js'
import { planStarts } from '../source/splice-ranges.js'
import type { StageWork, Workload } from './forecast.js'
import { NullPort } from './null-port.js'

export interface SampleOptions {
  /** A directory on the destination's disk: sorted runs go there. */
  readonly dir: string
  /** How many partitions of nodes and ranges of splices to run, spread over the largest layer. */
  readonly parts: number
  readonly workers: number
  readonly memoryBytes: number
  /** The model from `--model` files; the Cortex's own additions come from its hive. */
  readonly model?: Model
  /** Wraps each measured pass over the parts of a stage, for profiling. */
  readonly around?: <T>(stage: Stage, pass: () => T) => T
}

export type Stage = 'nodes' | 'merge' | 'splices'

/** What the sampled parts took in one thread, and what the whole Cortex would take. */
export interface WorkSample {
  readonly nodes: number
  readonly splices: number
  readonly rows: number
  readonly elapsedMs: number
  readonly workload: Workload
}

/** A piece of the work: how much of the source it covered, and its results. */
interface Measured extends StageWork {
  readonly sourceRows: number
  readonly nodes: number
  readonly rows: number
}

/**
 * Runs the real worker tasks on parts of a Cortex, in this thread, and extrapolates to a whole migration. It runs each
 * part twice: the second run counts, and the extra time of the first is the warm-up.
 */
export function sampleWork(srcDir: string, options: SampleOptions): WorkSample {
  const startedMs = performance.now()
  const source = readSource(srcDir)
  const model = options.model ?? Model.core()
  model.addExtendedModel(readExtModel(source.hive))
  const layers = source.layers.map(({ dir }) => openLayer(dir)).filter((layer) => layer !== null)
  const dir = mkdtempSync(join(options.dir, 'sample-'))
  try {
    const largest = layers.reduce((a, b) => (b.nodeRows > a.nodeRows ? b : a), layers[0])
    if (largest === undefined) throw noLayer(srcDir)
    const { extract, runs } = sampleNodes(largest, model.toJSON(), dir, options)
    const merge = sampleMerge(runs, largest.nodedata !== null, options)
    const longest = layers.reduce((a, b) => (b.spliceRows > a.spliceRows ? b : a))
    const splices = longest.spliceRows === 0 ? null : sampleSplices(longest, model.toJSON(), options)

    const sum = (pick: (layer: Layer) => number) => layers.reduce((total, layer) => total + pick(layer), 0)
    const nodeScale = sum((layer) => layer.nodeRows) / Math.max(1, extract.warm.sourceRows)
    const spliceScale = splices === null ? 0 : sum((layer) => layer.spliceRows) / Math.max(1, splices.warm.sourceRows)
    return {
      nodes: extract.warm.nodes,
      splices: splices?.warm.sourceRows ?? 0,
      rows: extract.warm.rows + merge.warm.rows + (splices?.warm.rows ?? 0),
      elapsedMs: performance.now() - startedMs,
      workload: {
        nodes: Math.round(extract.warm.nodes * nodeScale),
        rows: Math.round(
          (extract.warm.rows + merge.warm.rows) * nodeScale + (splices === null ? 0 : splices.warm.rows * spliceScale),
        ),
        sourceBytes: sum((layer) => layer.usedBytes),
        copiedBytes: copiedBytes(srcDir),
        warmMs: extract.warmMs + merge.warmMs + (splices?.warmMs ?? 0),
        extract: scaled(extract.warm, nodeScale),
        merge: scaled(merge.warm, nodeScale),
        splices: scaled(splices?.warm ?? nothing, spliceScale),
      },
    }
  } finally {
    for (const layer of layers) layer.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Layer {
  readonly iden: string
  readonly layerPath: string
  readonly splicePath: string
  readonly bybuid: DbReader
  readonly pageSize: number
  readonly nodedata: { readonly path: string; readonly db: DbReader } | null
  readonly splices: DbReader | null
  readonly nodeRows: number
  readonly spliceRows: number
  readonly usedBytes: number
  close(): void
}

function openLayer(dir: string): Layer | null {
  const path = (name: string) => join(dir, `${name}.lmdb`)
  const open = (name: string) => (existsSync(join(path(name), 'data.mdb')) ? SlabReader.open(path(name)) : null)
  const slabs = [open('layer'), open('nodedata'), open('splices')]
  if (slabs[0] === null) return null
  const [bybuid, data] = [findNodeRows(slabs[0]), nodedataRows(slabs[1])]
  const splices = slabs[2] === null ? undefined : spliceRows(slabs[2])
  if (bybuid === undefined) return null
  const { pageSize } = slabs[0]
  const bytes = (db: DbReader | undefined) => (db === undefined ? 0 : db.dataPages * pageSize)
  return {
    iden: dir.split('/').at(-1) ?? dir,
    layerPath: path('layer'),
    splicePath: path('splices'),
    bybuid,
    pageSize,
    nodedata: data === undefined ? null : { path: path('nodedata'), db: data },
    splices: splices ?? null,
    nodeRows: bybuid.entries + (data?.entries ?? 0),
    spliceRows: splices?.entries ?? 0,
    usedBytes: bytes(bybuid) + bytes(data) + bytes(splices),
    close: () => {
      for (const slab of slabs) slab?.close()
    },
  }
}

function sampleNodes(layer: Layer, model: ModelData, dir: string, options: SampleOptions) {
  const dbs = layer.nodedata === null ? [layer.bybuid] : [layer.bybuid, layer.nodedata.db]
  const ranges = rangesOf(planPartitions(dbs, layer.pageSize, options), null)
  const chosen = spread(ranges, options.parts)
  const runPath = (index: number) => join(dir, `${index}.run`)
  const measured = twice('nodes', options, chosen.length, (index): Measured => {
    const port = new NullPort()
    const elapsedMs = stopwatch()
    const counts = extractNodes({
      layer: layer.iden,
      partition: index,
      layerPath: layer.layerPath,
      nodedataPath: layer.nodedata?.path ?? null,
      otherLayerPaths: [],
      knownForms: [],
      ...chosen[index],
      borders: byteListOf([]),
      checks: true,
      mapPartial: false,
      isLayerMissing: false,
      model,
      runPath: runPath(index),
      ...port.input(),
    })
    return {
      workMs: elapsedMs(),
      pageBytes: port.bytes,
      runBytes: statSync(runPath(index)).size,
      sourceRows: counts.sourceRows + counts.nodedataRows,
      nodes: counts.migrated,
      rows: counts.rows,
    }
  })
  return { extract: measured, runs: chosen.map((_, index) => runPath(index)) }
}

function sampleMerge(paths: readonly string[], withNodedata: boolean, options: SampleOptions) {
  const plan = planOf(paths)
  const units = INDEX_DBS.flatMap((db) => plan.units(db))
  const nodedata = withNodedata ? plan.nodedata() : []
  return twice('merge', options, units.length + 1, (index): Measured => {
    const port = new NullPort()
    const elapsedMs = stopwatch()
    if (index < units.length) mergeRuns({ ...units[index](), ...port.input() })
    else copyNodedata({ parts: nodedata, ...port.input() })
    const workMs = elapsedMs()
    return { workMs, pageBytes: port.bytes, runBytes: 0, sourceRows: 0, nodes: 0, rows: port.entries }
  })
}

/** The merge plan of these runs, which must belong to consecutive partitions. */
export function planOf(paths: readonly string[]): MergePlan {
  const plan = new MergePlan()
  for (const [partition, path] of paths.entries()) {
    const footer = readRunFooter(path)
    if (footer !== null) plan.add(partition, path, footer)
  }
  return plan
}

function sampleSplices(layer: Layer, model: ModelData, options: SampleOptions) {
  const starts = planStarts(layer.splices ?? undefined, layer.pageSize)
  const ranges = starts.map((start, i) => ({ start, end: starts[i + 1] ?? null }))
  const chosen = spread(ranges, options.parts)
  return twice('splices', options, chosen.length, (index): Measured => {
    const port = new NullPort()
    const elapsedMs = stopwatch()
    const counts = extractSpliceRange({
      layer: layer.iden,
      slabPath: layer.splicePath,
      ...chosen[index],
      model,
      ...port.input(),
    })
    return {
      workMs: elapsedMs(),
      pageBytes: port.bytes,
      runBytes: 0,
      sourceRows: counts.translated + counts.failures,
      nodes: 0,
      rows: counts.rows,
    }
  })
}

/** Does all parts twice. The second time counts; the extra time of the first is the warm-up. */
function twice(
  stage: Stage,
  { around = (_, pass) => pass() }: SampleOptions,
  count: number,
  run: (index: number) => Measured,
): { warm: Measured; warmMs: number } {
  const pass = () => Array.from({ length: count }, (_, index) => run(index)).reduce(together, nothing)
  const cold = pass()
  const warm = around(stage, pass)
  return { warm, warmMs: Math.max(0, cold.workMs - warm.workMs) }
}

/** Measures CPU time of this thread only: no other processes, no helper threads, no disk. */
function stopwatch(): () => number {
  const startedMs = performance.now()
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return Math.min(performance.now() - startedMs, (user + system) / 1000)
  }
}

const nothing: Measured = { workMs: 0, pageBytes: 0, runBytes: 0, sourceRows: 0, nodes: 0, rows: 0 }

function together(a: Measured, b: Measured): Measured {
  return {
    workMs: a.workMs + b.workMs,
    pageBytes: a.pageBytes + b.pageBytes,
    runBytes: a.runBytes + b.runBytes,
    sourceRows: a.sourceRows + b.sourceRows,
    nodes: a.nodes + b.nodes,
    rows: a.rows + b.rows,
  }
}

function scaled(work: StageWork, scale: number): StageWork {
  return { workMs: work.workMs * scale, pageBytes: work.pageBytes * scale, runBytes: work.runBytes * scale }
}

/** This many items, evenly spread, including the first and the last. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * (items.length - 1)) / Math.max(1, count - 1))])
}

function noLayer(dir: string): MigrationError {
  return new MigrationError('ERR_SOURCE', `Cannot sample "${dir}": it has no layer with nodes`, {
    hint: 'Give the directory of a 0.1.x Cortex',
  })
}
