import { join } from 'node:path'
import { MigrationError } from '../errors.js'
import { inTurn } from '../migrate/in-turn.js'
import { planStarts } from '../migrate/layer-splices.js'
import type { ModelData } from '../model/model.js'
import { type DbReader, SlabReader } from '../page/page-reader.js'
import { planPartitions, rangesOf } from '../plan/partitions.js'
import type { TaskPool } from '../pool/task-pool.js'
import { nthNode } from '../source/node-limit.js'
import { findForms } from '../source/partial-forms.js'
import { addTable, BUCKETS, type DigestTable, emptyTable } from '../task/row-digest.js'
import { type BuidRange, recordOf, type VerifyNodesInput, type VerifyNodesResult } from '../task/verify-nodes.js'
import { INDEX_DBS, type IndexDb, type ListedRow } from '../task/verify-rows.js'
import type { EditDifference, VerifySplicesResult } from '../task/verify-splices.js'
import { pairRows } from './pair-rows.js'
import type { Difference, LayerReport } from './report.js'
import { sampleRanges } from './sample-ranges.js'
import { smallDbDifferences } from './small-dbs.js'

/** Index rows that are listed to tell which of them differ, of source and destination each. */
const MOST_LISTED = 400_000
/** Nodes of a sample that one task looks at. */
const SAMPLE_NODES_PER_TASK = 64
/** Parts that the keys of an index database are cut into. */
const PARTS_PER_WORKER = 4

export interface LayerVerifierOptions {
  readonly iden: string
  readonly srcDir: string
  readonly destDir: string
  readonly otherLayers: readonly string[]
  readonly model: ModelData
  readonly checks: boolean
  readonly mapPartial: boolean
  readonly withNodedata: boolean
  readonly nodelim: number | null
  readonly withNodes: boolean
  readonly withSplices: boolean
  /** Nodes to choose, or null to compare all. */
  readonly sample: number | null
  readonly memoryBytes: number
  /** Path of the migration log, or null when there is none. */
  readonly logPath: string | null
  /** Error records that the migration log has of this layer. */
  readonly loggedErrors: { readonly nodes: number; readonly nodedata: number; readonly splices: number }
  readonly progress: (doneRows: number, totalRows: number) => void
}

/** Compares one layer of a destination with the source. */
export class LayerVerifier {
  readonly differences: Difference[] = []
  isCountExact = true
  private differenceCount = 0
  private readonly layerPath: string
  private readonly nodedataPath: string
  private readonly splicesPath: string
  private readonly destLayerPath: string
  private readonly destNodedataPath: string
  private readonly editsPath: string

  constructor(
    private readonly options: LayerVerifierOptions,
    private readonly pool: TaskPool,
  ) {
    const { srcDir, destDir, iden } = options
    const source = (slab: string) => join(srcDir, 'layers', iden, `${slab}.lmdb`)
    const dest = (slab: string) => join(destDir, 'layers', iden, `${slab}.lmdb`)
    this.layerPath = source('layer')
    this.nodedataPath = source('nodedata')
    this.splicesPath = source('splices')
    this.destLayerPath = dest('layer_v2')
    this.destNodedataPath = dest('nodedata')
    this.editsPath = dest('nodeedits')
  }

  async run(): Promise<LayerReport> {
    const { options } = this
    if (options.sample === null) await this.pages()
    const nodes = options.withNodes ? await this.readable(() => this.nodes()) : null
    const history = options.withSplices && options.sample === null ? await this.readable(() => this.history()) : null
    return {
      iden: options.iden,
      nodes: nodes?.nodes ?? 0,
      rows: nodes?.rows ?? 0,
      indexRows: nodes?.indexRows ?? 0,
      nodedata: nodes?.dataRows ?? 0,
      splices: history?.splices ?? 0,
      nodeEdits: history?.rows ?? 0,
      errors: (nodes?.errors.nodes ?? 0) + (nodes?.errors.nodedata ?? 0) + (history?.failures ?? 0),
      differenceCount: this.differenceCount,
    }
  }

  /** A slab of the destination that cannot be read is a difference; one of the source is the end. */
  private async readable<T>(read: () => Promise<T>): Promise<T | null> {
    try {
      return await read()
    } catch (err) {
      const isDamage = err instanceof MigrationError && ['ERR_SLAB_CORRUPT', 'ERR_SLAB_FORMAT'].includes(err.code)
      if (!isDamage || !err.message.includes(join(this.options.destDir, 'layers'))) throw err
      this.isCountExact = false
      this.differs({ kind: 'different', place: 'slab', buid: null, row: err.message, expected: null, found: null })
      return null
    }
  }

  private async nodes(): Promise<Totals | null> {
    if (!SlabReader.exists(this.layerPath)) return null
    if (!SlabReader.exists(this.destLayerPath)) {
      this.lacksSlab('layer_v2.lmdb')
      return null
    }
    const layer = SlabReader.open(this.layerPath)
    try {
      const { sample } = this.options
      return sample === null ? await this.allNodes(layer) : await this.someNodes(layer, sample)
    } finally {
      layer.close()
    }
  }

  private async someNodes(layer: SlabReader, sample: number): Promise<Totals> {
    const bybuid = layer.db('bybuid')
    const ranges = bybuid === undefined ? [] : sampleRanges(bybuid, sample)
    const parts: BuidRange[][] = []
    for (let at = 0; at < ranges.length; at += SAMPLE_NODES_PER_TASK)
      parts.push(ranges.slice(at, at + SAMPLE_NODES_PER_TASK))
    const totals = new Totals()
    this.options.progress(0, ranges.length)
    await inTurn(parts, 2 * this.pool.workers, async (part) => {
      this.add(totals, await this.resolved(part, 'lookup'))
      this.options.progress(totals.nodes, ranges.length)
    })
    return totals
  }

  private async allNodes(layer: SlabReader): Promise<Totals> {
    const { options } = this
    const bybuid = layer.db('bybuid')
    const end = options.nodelim === null || bybuid === undefined ? null : nthNode(bybuid, options.nodelim)
    const nodedata = this.hasNodedata ? SlabReader.open(this.nodedataPath) : null
    const dbs = [bybuid, nodedata?.db('bybuid')].filter((db): db is DbReader => db !== undefined)
    const totalRows = dbs.reduce((sum, db) => sum + db.entries, 0)
    const borders = planPartitions(dbs, layer.pageSize, {
      workers: this.pool.workers,
      memoryBytes: options.memoryBytes,
    })
    nodedata?.close()
    const ranges = rangesOf(borders, end)
    // Behind a limit the destination must have nothing.
    const isLimited = end !== null
    const totals = new Totals()
    options.progress(0, totalRows)
    await inTurn(ranges, 2 * this.pool.workers, async (range) => {
      this.add(totals, await this.resolved([range], 'digest'))
      options.progress(totals.sourceRows + totals.nodedataRows, totalRows)
    })
    if (isLimited) this.nothingBehind(end)
    await this.indexes(totals, ranges)
    this.extraErrors(totals)
    for (const difference of smallDbDifferences(this.destLayerPath, totals.forms)) this.differs(difference)
    return totals
  }

  /** Verifies ranges; where no other layer knows a partial node's form once more, with what this layer's indexes tell. */
  private async resolved(ranges: readonly BuidRange[], index: VerifyNodesInput['index']): Promise<VerifyNodesResult> {
    const first = await this.pool.run('verifyNodes', this.input(ranges, [], index))
    if (!this.options.mapPartial || first.unresolved.length === 0) return first
    const forms = [...findForms(this.layerPath, [first.unresolved])]
    return forms.length === 0 ? first : this.pool.run('verifyNodes', this.input(ranges, forms, index))
  }

  private input(
    ranges: readonly BuidRange[],
    knownForms: readonly (readonly [string, string])[],
    index: VerifyNodesInput['index'],
  ): VerifyNodesInput {
    const { iden, srcDir, otherLayers, checks, mapPartial, model, logPath } = this.options
    return {
      layer: iden,
      layerPath: this.layerPath,
      nodedataPath: this.hasNodedata ? this.nodedataPath : null,
      otherLayerPaths: mapPartial ? otherLayers.map((other) => join(srcDir, 'layers', other, 'layer.lmdb')) : [],
      knownForms,
      checks,
      mapPartial,
      model,
      destLayerPath: this.destLayerPath,
      destNodedataPath: SlabReader.exists(this.destNodedataPath) ? this.destNodedataPath : null,
      logPath,
      ranges,
      index,
    }
  }

  private add(totals: Totals, result: VerifyNodesResult): void {
    totals.add(result)
    for (const { db, ...difference } of result.differences) this.differs({ ...difference, place: db })
    this.differenceCount += result.differenceCount - result.differences.length
  }

  /** Compares the index rows: by digest, then one by one where digests differ. */
  private async indexes(totals: Totals, ranges: readonly BuidRange[]): Promise<void> {
    const found = recordOf(() => emptyTable())
    await inTurn(this.indexParts(), 2 * this.pool.workers, async (part) => {
      const { table } = await this.pool.run('verifyIndex', { ...part, list: null })
      addTable(found[part.db], table)
    })
    const differing = recordOf((db) => differingBuckets(totals.tables[db], found[db]))
    if (INDEX_DBS.every((db) => differing[db].length === 0)) return
    const list = recordOf((db) => this.worthListing(differing[db], totals.tables[db], found[db]))
    const expectedRows: ListedRow[] = []
    const foundRows: ListedRow[] = []
    await inTurn(ranges, 2 * this.pool.workers, async (range) => {
      expectedRows.push(...(await this.resolved([range], { list })).listed)
    })
    const parts = this.indexParts().filter(({ db }) => list[db].length > 0)
    await inTurn(parts, 2 * this.pool.workers, async (part) => {
      foundRows.push(...(await this.pool.run('verifyIndex', { ...part, list: list[part.db] })).listed)
    })
    for (const difference of pairRows(expectedRows, foundRows)) this.differs(difference)
  }

  private indexParts() {
    const parts: { path: string; layerPath: string; db: IndexDb; start: Uint8Array | null; end: Uint8Array | null }[] =
      []
    for (const db of INDEX_DBS) {
      const path = db === 'dataname' ? this.destNodedataPath : this.destLayerPath
      if (!SlabReader.exists(path)) continue
      const slab = SlabReader.open(path)
      const wanted = PARTS_PER_WORKER * this.pool.workers
      const keys = slab.db(db)?.separators(wanted) ?? []
      slab.close()
      const step = Math.max(1, Math.ceil(keys.length / wanted))
      const edges = [null, ...keys.filter((_, i) => i % step === 0), null]
      for (let i = 0; i + 1 < edges.length; i++) {
        parts.push({ path, layerPath: this.destLayerPath, db, start: edges[i], end: edges[i + 1] })
      }
    }
    return parts
  }

  /** As many of the buckets as can be listed; at least one. */
  private worthListing(buckets: readonly number[], expected: DigestTable, found: DigestTable): number[] {
    const chosen: number[] = []
    let rows = 0
    for (const bucket of buckets) {
      rows += Math.max(expected.counts[bucket], found.counts[bucket])
      if (chosen.length > 0 && rows > MOST_LISTED) {
        this.isCountExact = false
        break
      }
      chosen.push(bucket)
    }
    return chosen
  }

  private nothingBehind(end: Uint8Array): void {
    const slab = SlabReader.open(this.destLayerPath)
    try {
      for (const { key, value } of slab.db('bybuid')?.rows(end) ?? []) {
        const buid = key.subarray(0, 32)
        this.differs({ kind: 'extra', place: 'bybuid', buid, row: 'behind the limit', expected: null, found: value })
      }
    } finally {
      slab.close()
    }
  }

  /** The log must not name more than was left out. */
  private extraErrors({ errors }: Totals): void {
    for (const step of ['nodes', 'nodedata'] as const) {
      const extra = this.options.loggedErrors[step] - errors[step]
      if (this.options.logPath === null || extra <= 0) continue
      const row = `${extra} records of ${step} that were migrated`
      this.differs({ kind: 'extra', place: 'errors', buid: null, row, expected: null, found: null })
    }
  }

  private async history(): Promise<{ splices: number; failures: number; rows: number } | null> {
    if (!SlabReader.exists(this.editsPath)) {
      if (SlabReader.exists(this.splicesPath)) this.lacksSlab('nodeedits.lmdb')
      return null
    }
    if (!SlabReader.exists(this.splicesPath)) {
      this.editsBehind(0)
      return null
    }
    const slab = SlabReader.open(this.splicesPath)
    const starts = planStarts(slab)
    slab.close()
    const ranges = starts.map((start, i) => ({
      slabPath: this.splicesPath,
      start,
      end: starts[i + 1] ?? null,
      model: this.options.model,
    }))
    const results: VerifySplicesResult[] = []
    await inTurn([...ranges.keys()], 2 * this.pool.workers, async (i) => {
      results[i] = await this.pool.run('verifySplices', ranges[i])
    })
    let first = 0
    const jobs = ranges.map((range, i) => {
      const job = { ...range, editsPath: this.editsPath, first, ...results[i] }
      first += results[i].rows
      return job
    })
    await inTurn(jobs, 2 * this.pool.workers, async (job) => {
      const { differences, differenceCount } = await this.pool.run('verifyEdits', job)
      for (const difference of differences) this.differs(editDifference(difference))
      this.differenceCount += differenceCount - differences.length
    })
    this.editsBehind(first)
    const failures = results.reduce((sum, result) => sum + result.failures, 0)
    if (this.options.logPath !== null && this.options.loggedErrors.splices !== failures) {
      const row = `${failures} splices cannot be translated, the log names ${this.options.loggedErrors.splices}`
      this.differs({ kind: 'different', place: 'errors', buid: null, row, expected: null, found: null })
    }
    return { splices: results.reduce((sum, { splices }) => sum + splices, 0), failures, rows: first }
  }

  private editsBehind(next: number): void {
    const slab = SlabReader.open(this.editsPath)
    const start = Buffer.alloc(8)
    start.writeBigUInt64BE(BigInt(next))
    try {
      for (const { key, value } of slab.db('nodeedits')?.rows(start) ?? []) {
        const index = key.length === 8 ? Number(Buffer.from(key).readBigUInt64BE()) : -1
        this.differs(editDifference({ index, expected: null, found: value }))
      }
    } finally {
      slab.close()
    }
  }

  /** The page structure of every slab of the layer, free pages included. */
  private async pages(): Promise<void> {
    const paths = [this.destLayerPath, this.destNodedataPath, this.editsPath].filter((path) => SlabReader.exists(path))
    await inTurn(paths, this.pool.workers, async (path) => {
      const { complaints, complaintCount } = await this.pool.run('walkSlab', { path })
      const place = path.slice(path.lastIndexOf('/') + 1)
      for (const row of complaints) {
        this.differs({ kind: 'different', place, buid: null, row, expected: null, found: null })
      }
      this.differenceCount += complaintCount - complaints.length
    })
  }

  private lacksSlab(name: string): void {
    this.differs({ kind: 'missing', place: name, buid: null, row: 'the slab', expected: null, found: null })
  }

  private differs(difference: Omit<Difference, 'layer'>): void {
    this.differenceCount++
    this.differences.push({ ...difference, layer: this.options.iden })
  }

  private get hasNodedata(): boolean {
    return this.options.withNodedata && SlabReader.exists(this.nodedataPath)
  }
}

/** Sums over the ranges of a layer. */
class Totals {
  nodes = 0
  rows = 0
  dataRows = 0
  indexRows = 0
  sourceRows = 0
  nodedataRows = 0
  readonly errors = { nodes: 0, nodedata: 0 }
  readonly forms = new Map<string, number>()
  readonly tables = recordOf(() => emptyTable())

  add(result: VerifyNodesResult): void {
    this.nodes += result.nodes
    this.rows += result.rows
    this.dataRows += result.dataRows
    this.indexRows += result.indexRows
    this.sourceRows += result.sourceRows
    this.nodedataRows += result.nodedataRows
    this.errors.nodes += result.errors.nodes
    this.errors.nodedata += result.errors.nodedata
    for (const [form, count] of result.forms) this.forms.set(form, (this.forms.get(form) ?? 0) + count)
    for (const db of INDEX_DBS) addTable(this.tables[db], result.tables[db])
  }
}

function differingBuckets(a: DigestTable, b: DigestTable): number[] {
  const found: number[] = []
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    if (a.counts[bucket] !== b.counts[bucket] || a.sums[bucket] !== b.sums[bucket]) found.push(bucket)
  }
  return found
}

function editDifference({ index, expected, found }: EditDifference): Omit<Difference, 'layer'> {
  const kind = expected === null ? 'extra' : found === null ? 'missing' : 'different'
  return { kind, place: 'nodeedits', buid: null, row: `node edit ${index}`, expected, found }
}
