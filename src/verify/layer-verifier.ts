import { cortexPaths } from '../layout/paths.js'
import type { ModelData } from '../model/model.js'
import { type DbReader, SlabReader } from '../page/page-reader.js'
import { nthNode } from '../source/node-limit.js'
import { findForms } from '../source/partial-forms.js'
import { planPartitions, rangesOf } from '../source/partitions.js'
import { findNodeRows, nodedataRows, spliceRows } from '../source/source-dbs.js'
import { planStarts } from '../source/splice-ranges.js'
import { addTable, BUCKETS, type DigestTable, emptyTable } from '../stream/row-digest.js'
import { inTurn } from '../thread/in-turn.js'
import type { TaskPool } from '../thread/task-pool.js'
import { damageOf } from './damage.js'
import { pairRows } from './pair-rows.js'
import type { Difference, LayerReport } from './report.js'
import { sampleRanges } from './sample-ranges.js'
import { smallDbDifferences } from './small-dbs.js'
import { type BuidRange, recordOf, type VerifyNodesInput, type VerifyNodesResult } from './tasks/verify-nodes.js'
import { INDEX_DBS, type IndexDb, type ListedRow } from './tasks/verify-rows.js'
import type { EditDifference, VerifySplicesInput, VerifySplicesResult } from './tasks/verify-splices.js'
import type { VerifyProgress } from './verify-progress.js'

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
  /** Whether this program has made the destination: others cut node edits elsewhere and log errors without their layer. */
  readonly isOurs: boolean
  /** Error records that the migration log has of this layer. */
  readonly loggedErrors: { readonly nodes: number; readonly nodedata: number; readonly splices: number }
  readonly progress: (doneRows: number, totalRows: number) => void
}

/** Compares one layer of a destination with the source. */
export class LayerVerifier {
  private readonly state: LayerState
  private readonly layerPath: string
  private readonly nodedataPath: string
  private readonly splicesPath: string
  private readonly destLayerPath: string
  private readonly destNodedataPath: string
  private readonly editsPath: string
  private hasDestNodedata = false

  constructor(
    private readonly options: LayerVerifierOptions,
    private readonly pool: TaskPool,
    private readonly progress: VerifyProgress,
  ) {
    const { srcDir, destDir, iden } = options
    this.state = progress.layer(iden, newState)
    const source = cortexPaths(srcDir).layer(iden)
    const dest = cortexPaths(destDir).layer(iden)
    this.layerPath = source.slab('layer')
    this.nodedataPath = source.slab('nodedata')
    this.splicesPath = source.slab('splices')
    this.destLayerPath = dest.slab('layer_v2')
    this.destNodedataPath = dest.slab('nodedata')
    this.editsPath = dest.slab('nodeedits')
  }

  async run(): Promise<LayerReport> {
    const { options, state } = this
    // What cannot be opened is told once, and its rows are missing.
    this.hasDestNodedata =
      SlabReader.exists(this.destNodedataPath) &&
      (await this.readable(async () => SlabReader.open(this.destNodedataPath).close() === undefined)) === true
    if (options.sample === null) await this.pages()
    if (options.withNodes && state.nodes === null) {
      const nodes = await this.readable(() => this.nodes())
      state.nodes = {
        nodes: nodes?.nodes ?? 0,
        rows: nodes?.rows ?? 0,
        indexRows: nodes?.indexRows ?? 0,
        nodedata: nodes?.dataRows ?? 0,
        errors: (nodes?.errors.nodes ?? 0) + (nodes?.errors.nodedata ?? 0),
      }
      state.found = null
      state.totals = null
      this.save(true)
    }
    if (options.withSplices && options.sample === null && state.history === null) {
      state.history = (await this.readable(() => this.history())) ?? { splices: 0, failures: 0, rows: 0 }
      this.save(true)
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
    return this.state.differences
  }

  get isCountExact(): boolean {
    return this.state.isCountExact
  }

  private save(done = false): void {
    this.progress.save(this.options.iden, this.state, done)
  }

  /** A slab of the destination that cannot be read is a difference; one of the source is the end. */
  private async readable<T>(read: () => Promise<T>): Promise<T | null> {
    try {
      return await read()
    } catch (error) {
      const damage = damageOf(error, this.options.destDir)
      if (damage === null) throw error
      this.state.isCountExact = false
      // Many parts may come upon the same page.
      if (!this.state.differences.some(({ place, row }) => place === 'slab' && row === damage))
        this.differs({ kind: 'different', place: 'slab', buid: null, row: damage, expected: null, found: null })
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
    const { state } = this
    state.borders ??= planPartitions(dbs, layer.pageSize, {
      workers: this.pool.workers,
      memoryBytes: options.memoryBytes,
    })
    nodedata?.close()
    const ranges = rangesOf(state.borders, end)
    // Behind a limit the destination must have nothing.
    const isLimited = end !== null
    state.totals ??= newTotals()
    const { totals } = state
    const shown = () => options.progress(totals.sourceRows + totals.nodedataRows, totalRows)
    shown()
    const open = [...ranges.keys()].filter((index) => !state.ranges.has(index))
    let isWhole = true
    await inTurn(open, 2 * this.pool.workers, async (index) => {
      const result = await this.readable(() => this.resolved([ranges[index]], 'digest'))
      if (result === null) {
        isWhole = false
        return
      }
      this.add(totals, result)
      state.ranges.add(index)
      shown()
      this.save()
    })
    // Without the rows of all nodes nobody knows what the indexes must have.
    if (!isWhole) return totals
    if ((await this.readable(() => this.digestIndexes().then(() => true))) === null) return totals
    // From here on nothing is saved: what is found now is found again when the comparison goes on.
    if (isLimited) await this.readable(async () => this.nothingBehind(end))
    await this.readable(() => this.indexes(totals, ranges))
    this.extraErrors(totals)
    await this.readable(async () => {
      for (const difference of smallDbDifferences(this.destLayerPath, totals.forms)) this.differs(difference)
    })
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
    const { iden, srcDir, otherLayers, checks, mapPartial, model, logPath, isOurs } = this.options
    return {
      layer: iden,
      layerPath: this.layerPath,
      nodedataPath: this.hasNodedata ? this.nodedataPath : null,
      otherLayerPaths: mapPartial ? otherLayers.map((other) => cortexPaths(srcDir).layer(other).slab('layer')) : [],
      knownForms,
      checks,
      mapPartial,
      isLayerMissing: false,
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
    for (const { db, ...difference } of result.differences) this.differs({ ...difference, place: db })
    this.state.differenceCount += result.differenceCount - result.differences.length
  }

  /** Digests the index rows that the destination has. */
  private async digestIndexes(): Promise<void> {
    const { state } = this
    state.found ??= recordOf(() => emptyTable())
    const { found } = state
    state.indexParts ??= this.indexParts()
    const { indexParts } = state
    const open = [...indexParts.keys()].filter((index) => !state.digested.has(index))
    await inTurn(open, 2 * this.pool.workers, async (index) => {
      const part = indexParts[index]
      const { table } = await this.pool.run('verifyIndex', { ...part, list: null })
      addTable(found[part.db], table)
      state.digested.add(index)
      this.save()
    })
  }

  /** Compares the index rows: by digest, then one by one where digests differ. */
  private async indexes(totals: Totals, ranges: readonly BuidRange[]): Promise<void> {
    const found = this.state.found ?? recordOf(() => emptyTable())
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

  private indexParts(): IndexPart[] {
    const parts: IndexPart[] = []
    for (const db of INDEX_DBS) {
      const path = db === 'dataname' ? this.destNodedataPath : this.destLayerPath
      if (db === 'dataname' ? !this.hasDestNodedata : !SlabReader.exists(path)) continue
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
        this.state.isCountExact = false
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
    if (!this.options.isOurs) return this.foreignHistory()
    const ranges = this.spliceRanges()
    const results = await this.translatedSplices(ranges)
    const total = (field: 'splices' | 'rows' | 'failures') => results.reduce((sum, result) => sum + result[field], 0)
    const failures = total('failures')
    await this.compareEdits(ranges, results)
    this.editsBehind(total('rows'))
    if (this.options.logPath !== null && this.options.loggedErrors.splices !== failures) {
      const row = `${failures} splices cannot be translated, the log names ${this.options.loggedErrors.splices}`
      this.differs({ kind: 'different', place: 'errors', buid: null, row, expected: null, found: null })
    }
    return { splices: total('splices'), failures, rows: total('rows') }
  }

  private spliceRanges(): VerifySplicesInput[] {
    const { state, splicesPath: slabPath } = this
    if (state.starts === null) {
      const slab = SlabReader.open(slabPath)
      state.starts = planStarts(spliceRows(slab), slab.pageSize)
      slab.close()
    }
    const { starts } = state
    return starts.map((start, i) => ({ slabPath, start, end: starts[i + 1] ?? null, model: this.options.model }))
  }

  /** How many node edits each range of splices makes; only ranges that an earlier run has not come to are read. */
  private async translatedSplices(ranges: readonly VerifySplicesInput[]): Promise<VerifySplicesResult[]> {
    const { translated } = this.state
    const open = [...ranges.keys()].filter((index) => !translated.has(index))
    await inTurn(open, 2 * this.pool.workers, async (i) => {
      translated.set(i, await this.pool.run('verifySplices', ranges[i]))
      this.save()
    })
    return ranges.map((_, i) => translated.get(i) as VerifySplicesResult)
  }

  private async compareEdits(
    ranges: readonly VerifySplicesInput[],
    results: readonly VerifySplicesResult[],
  ): Promise<void> {
    const { state, editsPath } = this
    let first = 0
    const jobs = ranges.map((range, i) => {
      const job = { ...range, editsPath, first, ...results[i] }
      first += results[i].rows
      return { i, job }
    })
    const left = jobs.filter(({ i }) => !state.edits.has(i))
    await inTurn(left, 2 * this.pool.workers, async ({ i, job }) => {
      const { differences, differenceCount } = await this.pool.run('verifyEdits', job)
      for (const difference of differences) this.differs(editDifference(difference))
      state.differenceCount += differenceCount - differences.length
      state.edits.add(i)
      this.save()
    })
  }

  /** Another tool cuts node edits at other places: their single edits are compared, whatever their order. */
  private async foreignHistory(): Promise<{ splices: number; failures: number; rows: number }> {
    const { model, loggedErrors } = this.options
    const { splices, failures, rows, differences, differenceCount } = await this.pool.run('verifyEditSet', {
      slabPath: this.splicesPath,
      editsPath: this.editsPath,
      model,
    })
    for (const { expected, found, row } of differences) {
      const kind = expected === null ? 'extra' : 'missing'
      this.differs({ kind, place: 'nodeedits', buid: null, row, expected, found })
    }
    this.state.differenceCount += differenceCount - differences.length
    return { splices, failures: Math.min(failures, loggedErrors.splices), rows }
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
    const { state } = this
    const paths = [this.destLayerPath, this.destNodedataPath, this.editsPath].filter(
      (path) => SlabReader.exists(path) && !state.walked.has(path),
    )
    await inTurn(paths, this.pool.workers, async (path) => {
      const walked = await this.readable(() => this.pool.run('walkSlab', { path }))
      if (walked === null) return
      const { complaints, complaintCount } = walked
      const place = path.slice(path.lastIndexOf('/') + 1)
      for (const row of complaints) {
        this.differs({ kind: 'different', place, buid: null, row, expected: null, found: null })
      }
      this.state.differenceCount += complaintCount - complaints.length
      state.walked.add(path)
      this.save()
    })
  }

  private lacksSlab(name: string): void {
    this.differs({ kind: 'missing', place: name, buid: null, row: 'the slab', expected: null, found: null })
  }

  private differs(difference: Omit<Difference, 'layer'>): void {
    this.state.differenceCount++
    this.state.differences.push({ ...difference, layer: this.options.iden })
  }

  private get hasNodedata(): boolean {
    return this.options.withNodedata && SlabReader.exists(this.nodedataPath)
  }
}

/** Sums over the ranges of a layer. */
interface Totals {
  nodes: number
  rows: number
  dataRows: number
  indexRows: number
  sourceRows: number
  nodedataRows: number
  readonly errors: { nodes: number; nodedata: number }
  readonly forms: Map<string, number>
  readonly tables: Record<IndexDb, DigestTable>
}

function newTotals(): Totals {
  return {
    nodes: 0,
    rows: 0,
    dataRows: 0,
    indexRows: 0,
    sourceRows: 0,
    nodedataRows: 0,
    errors: { nodes: 0, nodedata: 0 },
    forms: new Map(),
    tables: recordOf(() => emptyTable()),
  }
}

function addResult(totals: Totals, result: VerifyNodesResult): void {
  totals.nodes += result.nodes
  totals.rows += result.rows
  totals.dataRows += result.dataRows
  totals.indexRows += result.indexRows
  totals.sourceRows += result.sourceRows
  totals.nodedataRows += result.nodedataRows
  totals.errors.nodes += result.errors.nodes
  totals.errors.nodedata += result.errors.nodedata
  for (const [form, count] of result.forms) totals.forms.set(form, (totals.forms.get(form) ?? 0) + count)
  for (const db of INDEX_DBS) addTable(totals.tables[db], result.tables[db])
}

/** How far the comparison of a layer has come: data only, as it is written down. */
interface LayerState {
  readonly differences: Difference[]
  differenceCount: number
  isCountExact: boolean
  readonly walked: Set<string>
  borders: Uint8Array[] | null
  /** Ranges of nodes that are compared, and what they sum up to. */
  readonly ranges: Set<number>
  totals: Totals | null
  indexParts: IndexPart[] | null
  /** Parts of the index databases that are digested, and their digests. */
  readonly digested: Set<number>
  found: Record<IndexDb, DigestTable> | null
  nodes: { nodes: number; rows: number; indexRows: number; nodedata: number; errors: number } | null
  starts: number[] | null
  /** Ranges of splices that are translated, then those whose node edits are compared. */
  readonly translated: Map<number, VerifySplicesResult>
  readonly edits: Set<number>
  history: { splices: number; failures: number; rows: number } | null
}

interface IndexPart {
  readonly path: string
  readonly layerPath: string
  readonly db: IndexDb
  readonly start: Uint8Array | null
  readonly end: Uint8Array | null
}

function newState(): LayerState {
  return {
    differences: [],
    differenceCount: 0,
    isCountExact: true,
    walked: new Set(),
    borders: null,
    ranges: new Set(),
    totals: null,
    indexParts: null,
    digested: new Set(),
    found: null,
    nodes: null,
    starts: null,
    translated: new Map(),
    edits: new Set(),
    history: null,
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
