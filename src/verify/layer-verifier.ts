import { basename, join } from 'node:path'
import { DEST_DBS, DEST_LAYER_SLABS, INDEX_DBS, perDb } from '../layout/dest-dbs.js'
import { cortexPaths } from '../layout/paths.js'
import type { LayerNodesSource } from '../migrate/layer-plan.js'
import { type DbReader, SlabReader } from '../page/page-reader.js'
import { nthNode } from '../source/node-limit.js'
import { findForms } from '../source/partial-forms.js'
import { planPartitions, rangesOf } from '../source/partitions.js'
import { findNodeRows, nodedataRows } from '../source/source-dbs.js'
import { addTable, BUCKETS, type DigestTable, emptyTable } from '../stream/row-digest.js'
import { inTurn } from '../thread/in-turn.js'
import type { TaskPool } from '../thread/task-pool.js'
import { damageOf } from './damage.js'
import { LayerFindings } from './layer-findings.js'
import { LayerHistory, NO_HISTORY } from './layer-history.js'
import { addResult, type IndexPart, type LayerCounts, newTotals, type Totals } from './layer-state.js'
import { pairRows } from './pair-rows.js'
import type { Difference, LayerReport } from './report.js'
import { sampleRanges } from './sample-ranges.js'
import { dbDifferences, smallDbDifferences } from './small-dbs.js'
import type { BuidRange, VerifyNodesInput, VerifyNodesResult } from './tasks/verify-nodes.js'
import type { ListedRow } from './tasks/verify-rows.js'
import type { VerifyProgress } from './verify-progress.js'

/** How many index rows we list per side to find those that differ. */
const MOST_LISTED = 400_000
/** How many nodes of a sample one task checks. */
const SAMPLE_NODES_PER_TASK = 64
/** How many parts per worker to cut the keys of an index database into. */
const PARTS_PER_WORKER = 4

/** Why something is not compared. */
const DAMAGED = 'pages of its slabs are damaged'
/** Databases in which releases after 2.8 keep nodes: `bybuidv3`. */
const NEWER_NODES = /^bybuidv\d+$/

export interface LayerVerifierOptions extends LayerNodesSource {
  readonly withNodes: boolean
  readonly withSplices: boolean
  /** How many nodes to choose, or null to compare all. */
  readonly sample: number | null
  readonly memoryBytes: number
  /** Path of the migration log, or null when there is none. */
  readonly logPath: string | null
  /**
   * Whether this program made the destination: other tools group edits differently, and log errors without their layer.
   */
  readonly isOurs: boolean
  /** How many error records the migration log has for this layer. */
  readonly loggedErrors: { readonly nodes: number; readonly nodedata: number; readonly splices: number }
  readonly progress: (doneRows: number, totalRows: number) => void
}

/** Compares one layer of a destination with the source. */
export class LayerVerifier {
  private readonly findings: LayerFindings
  private readonly layerPath: string
  private readonly nodedataPath: string
  private readonly destLayerPath: string
  private readonly destNodedataPath: string
  private hasDestNodedata = false

  constructor(
    private readonly options: LayerVerifierOptions,
    private readonly pool: TaskPool,
    progress: VerifyProgress,
  ) {
    const { srcDir, destDir, iden } = options
    this.findings = new LayerFindings(iden, destDir, progress)
    const source = cortexPaths(srcDir).layer(iden)
    const dest = cortexPaths(destDir).layer(iden)
    this.layerPath = source.slab('layer')
    this.nodedataPath = source.slab('nodedata')
    this.destLayerPath = dest.slab('layer_v2')
    this.destNodedataPath = dest.slab('nodedata')
  }

  async run(): Promise<LayerReport> {
    const { options, findings } = this
    const { state } = findings
    // A slab that cannot be opened is reported once, and its rows are missing.
    this.hasDestNodedata =
      SlabReader.exists(this.destNodedataPath) &&
      (await this.findings.readable(async () => SlabReader.open(this.destNodedataPath).close() === undefined)) === true
    const otherLayout = this.otherLayout()
    if (otherLayout !== null) findings.leavesOut('nodes, node data and indexes', otherLayout)
    if (options.sample === null) await this.slabs(otherLayout !== null)
    if (options.withNodes && otherLayout === null && state.nodes === null) {
      const nodes = await this.findings.readable(() => this.nodes())
      state.nodes = {
        nodes: nodes?.nodes ?? 0,
        rows: nodes?.rows ?? 0,
        indexRows: nodes?.indexRows ?? 0,
        nodedata: nodes?.dataRows ?? 0,
        errors: nodes?.errorCount ?? 0,
      }
      state.found = null
      state.totals = null
      this.findings.save(true)
    }
    if (options.withSplices && options.sample === null && state.history === null) {
      const history = await this.findings.readable(() => new LayerHistory(options, this.pool, this.findings).run())
      if (history === null) findings.leavesOut('the rest of the history', DAMAGED)
      state.history = history ?? NO_HISTORY
      this.findings.save(true)
    }
    const { nodes, history } = state
    return {
      iden: options.iden,
      nodes: nodes?.nodes ?? 0,
      rows: nodes?.rows ?? 0,
      indexRows: nodes?.indexRows ?? 0,
      nodedata: nodes?.nodedata ?? 0,
      splices: history?.splices ?? 0,
      nodeEdits: history?.rows ?? 0,
      errors: (nodes?.errors ?? 0) + (history?.failures ?? 0),
      differenceCount: state.differenceCount,
    }
  }

  get differences(): readonly Difference[] {
    return this.findings.state.differences
  }

  /** What the migration log must say about the layer; null when we did not read all nodes. */
  get counts(): LayerCounts | null {
    return this.findings.state.counts
  }

  get notCompared(): readonly string[] {
    return this.findings.state.notCompared
  }

  get isCountExact(): boolean {
    return this.findings.state.isCountExact
  }

  private async nodes(): Promise<Totals | null> {
    if (!SlabReader.exists(this.layerPath)) return null
    if (!SlabReader.exists(this.destLayerPath)) {
      this.findings.lacksSlab('layer_v2.lmdb')
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
    const bybuid = findNodeRows(layer)
    const ranges = bybuid === undefined ? [] : sampleRanges(bybuid, sample)
    const parts: BuidRange[][] = []
    for (let at = 0; at < ranges.length; at += SAMPLE_NODES_PER_TASK)
      parts.push(ranges.slice(at, at + SAMPLE_NODES_PER_TASK))
    const totals = newTotals()
    this.options.progress(0, ranges.length)
    await inTurn(parts, 2 * this.pool.workers, async (part) => {
      this.add(totals, await this.resolved(part, 'lookup'))
      this.options.progress(totals.nodes, ranges.length)
    })
    return totals
  }

  private async allNodes(layer: SlabReader): Promise<Totals> {
    const { options } = this
    const bybuid = findNodeRows(layer)
    const end = options.nodelim === null || bybuid === undefined ? null : nthNode(bybuid, options.nodelim)
    const nodedata = this.hasNodedata ? SlabReader.open(this.nodedataPath) : null
    const dbs = [bybuid, nodedataRows(nodedata)].filter((db): db is DbReader => db !== undefined)
    const totalRows = dbs.reduce((sum, db) => sum + db.entries, 0)
    const { state } = this.findings
    state.borders ??= planPartitions(dbs, layer.pageSize, {
      workers: this.pool.workers,
      memoryBytes: options.memoryBytes,
    })
    nodedata?.close()
    const ranges = rangesOf(state.borders, end)
    // Beyond the limit the destination must have nothing.
    const isLimited = end !== null
    state.totals ??= newTotals()
    const { totals } = state
    const shown = () => options.progress(totals.sourceRows + totals.nodedataRows, totalRows)
    shown()
    const open = [...ranges.keys()].filter((index) => !state.ranges.has(index))
    let isWhole = true
    await inTurn(open, 2 * this.pool.workers, async (index) => {
      const result = await this.findings.readable(() => this.resolved([ranges[index]], 'digest'))
      if (result === null) {
        isWhole = false
        return
      }
      this.add(totals, result)
      state.ranges.add(index)
      shown()
      this.findings.save()
    })
    if (isWhole) state.counts = countsOf(totals)
    // Without the rows of all nodes we do not know what the indexes must have.
    const isDigested = isWhole && (await this.findings.readable(() => this.digestIndexes().then(() => true))) === true
    if (!isDigested) {
      this.findings.leavesOut('indexes, counts by form and abbreviations', DAMAGED)
      return totals
    }
    // Nothing is saved from here on. A resumed comparison finds the rest again.
    if (isLimited) await this.findings.readable(async () => this.nothingBehind(end))
    await this.findings.readable(() => this.indexes(totals, ranges))
    this.extraErrors(totals)
    await this.findings.readable(async () => {
      for (const difference of smallDbDifferences(this.destLayerPath, totals.forms)) this.findings.differs(difference)
    })
    return totals
  }

  /**
   * Verifies ranges. If partial nodes have forms that no other layer has, verifies again with forms from this layer's
   * indexes.
   */
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
    const { iden, srcDir, otherLayers, checks, mapPartial, isLayerMissing, model, logPath, isOurs } = this.options
    return {
      layer: iden,
      layerPath: this.layerPath,
      nodedataPath: this.hasNodedata ? this.nodedataPath : null,
      otherLayerPaths: mapPartial ? otherLayers.map((other) => cortexPaths(srcDir).layer(other).slab('layer')) : [],
      knownForms,
      checks,
      mapPartial,
      isLayerMissing,
      model,
      destLayerPath: this.destLayerPath,
      destNodedataPath: this.hasDestNodedata ? this.destNodedataPath : null,
      logPath,
      isOurs,
      ranges,
      index,
    }
  }

  private add(totals: Totals, result: VerifyNodesResult): void {
    addResult(totals, result)
    for (const { db, ...difference } of result.differences) this.findings.differs({ ...difference, place: db })
    this.findings.addUntold(result.differenceCount - result.differences.length)
  }

  /** Digests the destination's index rows. */
  private async digestIndexes(): Promise<void> {
    const { state } = this.findings
    state.found ??= perDb(INDEX_DBS, () => emptyTable())
    const { found } = state
    state.indexParts ??= this.indexParts()
    const { indexParts } = state
    const open = [...indexParts.keys()].filter((index) => !state.digested.has(index))
    await inTurn(open, 2 * this.pool.workers, async (index) => {
      const part = indexParts[index]
      const { table } = await this.pool.run('verifyIndex', { ...part, list: null })
      addTable(found[part.db], table)
      state.digested.add(index)
      this.findings.save()
    })
  }

  /** Compares the index rows: first digests, then single rows where digests differ. */
  private async indexes(totals: Totals, ranges: readonly BuidRange[]): Promise<void> {
    const found = this.findings.state.found ?? perDb(INDEX_DBS, () => emptyTable())
    const differing = perDb(INDEX_DBS, (db) => differingBuckets(totals.tables[db], found[db]))
    if (INDEX_DBS.every((db) => differing[db].length === 0)) return
    const list = perDb(INDEX_DBS, (db) => this.worthListing(differing[db], totals.tables[db], found[db]))
    const expectedRows: ListedRow[] = []
    const foundRows: ListedRow[] = []
    await inTurn(ranges, 2 * this.pool.workers, async (range) => {
      expectedRows.push(...(await this.resolved([range], { list })).listed)
    })
    const parts = this.indexParts().filter(({ db }) => list[db].length > 0)
    await inTurn(parts, 2 * this.pool.workers, async (part) => {
      foundRows.push(...(await this.pool.run('verifyIndex', { ...part, list: list[part.db] })).listed)
    })
    for (const difference of pairRows(expectedRows, foundRows)) this.findings.differs(difference)
  }

  private indexParts(): IndexPart[] {
    const parts: IndexPart[] = []
    for (const db of INDEX_DBS) {
      const isOfData = DEST_DBS[db].slab === 'nodedata'
      const path = isOfData ? this.destNodedataPath : this.destLayerPath
      if (isOfData ? !this.hasDestNodedata : !SlabReader.exists(path)) continue
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

  /** As many of the buckets as we can list; at least one. */
  private worthListing(buckets: readonly number[], expected: DigestTable, found: DigestTable): number[] {
    const chosen: number[] = []
    let rows = 0
    for (const bucket of buckets) {
      rows += Math.max(expected.counts[bucket], found.counts[bucket])
      if (chosen.length > 0 && rows > MOST_LISTED) {
        this.findings.state.isCountExact = false
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
        this.findings.differs({
          kind: 'extra',
          place: 'bybuid',
          buid,
          row: 'behind the limit',
          expected: null,
          found: value,
        })
      }
    } finally {
      slab.close()
    }
  }

  /** The log must not report more errors than there are. */
  private extraErrors({ errors }: Totals): void {
    for (const step of ['nodes', 'nodedata'] as const) {
      const extra = this.options.loggedErrors[step] - errors[step]
      if (this.options.logPath === null || extra <= 0) continue
      const row = `${extra} records of ${step} that were migrated`
      this.findings.differs({ kind: 'extra', place: 'errors', buid: null, row, expected: null, found: null })
    }
  }

  /** Why we cannot compare the rows of nodes: newer releases of Synapse rewrite them on startup. */
  private otherLayout(): string | null {
    if (!SlabReader.exists(this.destLayerPath)) return null
    try {
      const slab = SlabReader.open(this.destLayerPath)
      try {
        const dbs = slab.dbNames()
        const newer = dbs.filter((name) => NEWER_NODES.test(name))
        if (dbs.includes('bybuid') || newer.length === 0) return null
        return `a newer Synapse has rewritten them to another layout (${newer.join(', ')})`
      } finally {
        slab.close()
      }
    } catch (error) {
      if (damageOf(error, this.options.destDir) === null) throw error
      return null // The walk over the slab reports it.
    }
  }

  /**
   * Checks the page structure of every slab of the layer, free pages included, and its list of databases, unless a
   * newer Synapse has changed it.
   */
  private async slabs(hasOtherLayout: boolean): Promise<void> {
    const { state } = this.findings
    const { dir } = cortexPaths(this.options.destDir).layer(this.options.iden)
    const slabs = DEST_LAYER_SLABS.map((slab) => ({ slab, path: join(dir, `${slab}.lmdb`) }))
    // This program always creates all of them, whichever steps ran.
    if (this.options.isOurs)
      for (const { path } of slabs) if (!SlabReader.exists(path)) this.findings.lacksSlab(basename(path))
    const left = slabs.filter(({ path }) => SlabReader.exists(path) && !state.walked.has(path))
    await inTurn(left, this.pool.workers, async ({ slab, path }) => {
      const walked = await this.findings.readable(() => this.pool.run('walkSlab', { path }))
      if (walked === null) return
      const place = basename(path)
      for (const row of walked.complaints) {
        this.findings.differs({ kind: 'different', place, buid: null, row, expected: null, found: null })
      }
      this.findings.addUntold(walked.complaintCount - walked.complaints.length)
      await this.findings.readable(async () => {
        if (hasOtherLayout) return
        // Without a history, the reference creates that slab without a database.
        const isHistory = slab !== 'nodeedits' || this.hasHistory
        const found = dbDifferences(path, slab).filter(({ kind }) => isHistory || kind !== 'missing')
        for (const difference of found) this.findings.differs(difference)
      })
      state.walked.add(path)
      this.findings.save()
    })
  }

  private get hasHistory(): boolean {
    const { withSplices, srcDir, iden } = this.options
    return withSplices && SlabReader.exists(cortexPaths(srcDir).layer(iden).slab('splices'))
  }

  private get hasNodedata(): boolean {
    return this.options.withNodedata && SlabReader.exists(this.nodedataPath)
  }
}

function countsOf({ nodes, sourceForms, forms, lastBuid, nodedataRows, dataRows }: Totals): LayerCounts {
  return { nodes, sourceForms, forms, lastBuid, nodedata: nodedataRows, nodedataMigrated: dataRows }
}

function differingBuckets(a: DigestTable, b: DigestTable): number[] {
  const found: number[] = []
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    if (a.counts[bucket] !== b.counts[bucket] || a.sums[bucket] !== b.sums[bucket]) found.push(bucket)
  }
  return found
}
