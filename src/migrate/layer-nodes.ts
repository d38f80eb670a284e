import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MigrationError } from '../errors.js'
import type { ModelData } from '../model/model.js'
import type { SlabBuildState } from '../page/page-chunk.js'
import { SlabReader } from '../page/page-reader.js'
import { type MergeSource, mapNames, planMerge, unionNames } from '../plan/merge-plan.js'
import { planPartitions, rangesOf } from '../plan/partitions.js'
import { streamPorts, type TaskPool } from '../pool/task-pool.js'
import type { WriterPort } from '../pool/writer-client.js'
import { readRunFooter } from '../run/run-file.js'
import { nthNode } from '../source/node-limit.js'
import { findForms } from '../source/partial-forms.js'
import type { Credits } from '../target/chunk-sender.js'
import type { NodeExtractCounts } from '../task/node-extract.js'
import { modelKey } from '../task/worker-state.js'
import { checkpointDiffers } from './checkpoint-differs.js'
import { GroupCommit, inTurn } from './in-turn.js'
import type { PieceSizes } from './options.js'

/** Counts up when partitions, runs or checkpoints change: an older run is then not resumed. */
const SCHEMA = 1
/** Streams of merges are numbered from here on, those of partitions from 0 with a new number for each try. */
const MERGE_STREAMS = 2 ** 24
const NODEDATA_UNIT_PARTS = 16
const INDEX_DBS = ['byprop', 'byarray', 'bytag', 'bytagprop'] as const
/** What a 2.x layer keeps and a 0.1.x Cortex has none of. */
const EMPTY_DBS = [
  { name: 'byverb', dupSort: true },
  { name: 'edgesn1', dupSort: true },
  { name: 'edgesn2', dupSort: true },
  { name: 'offsets', dupSort: false },
  { name: 'counters', dupSort: false },
] as const

export interface LayerNodesOptions {
  readonly iden: string
  readonly srcDir: string
  readonly destDir: string
  /** Layer idens whose rows may tell a partial node's form, those below in a view first. */
  readonly otherLayers: readonly string[]
  readonly model: ModelData
  readonly checks: boolean
  readonly mapPartial: boolean
  readonly withNodedata: boolean
  /** The reference's `--nodelim`: stop when the N-th node is reached. */
  readonly nodelim: number | null
  readonly fromLast: boolean
  /** Whether to end when all is translated: nothing is sorted, merged or kept. */
  readonly dryRun: boolean
  /** Memory for rows on their way, of all threads together. */
  readonly memoryBytes: number
  readonly pieces: PieceSizes
}

export interface LayerNodesEvents {
  warn(text: string): void
  info(text: string): void
  /** Source rows read so far, of so many. */
  progress(done: { rows: number; totalRows: number; nodes: number }): void
  /** Errors that are in the migration log for good; what it throws stops the run. */
  errors(count: number): void
  /** Parts of the index databases that are merged, of so many. */
  merged(done: number, total: number): void
}

export interface LayerNodesResult {
  readonly nodes: number
  readonly migrated: number
  readonly reduced: number
  readonly nodedata: number
  readonly nodedataMigrated: number
  readonly errorCount: number
  readonly sourceForms: ReadonlyMap<string, number>
  readonly forms: ReadonlyMap<string, number>
  readonly lastBuid: Uint8Array | null
  readonly isLimited: boolean
  /** Whether an earlier run had finished this layer already. */
  readonly wasDone: boolean
  readonly elapsedMs: number
  readonly nodedataElapsedMs: number
}

interface Partition {
  readonly stream: number
  readonly counts: NodeExtractCounts
}

interface Checkpoint {
  readonly fingerprint: Readonly<Record<string, unknown>>
  readonly borders: readonly Uint8Array[]
  readonly nodelim: number | null
  readonly done: readonly Partition[]
  readonly isBuilt: boolean
  readonly state: SlabBuildState | null
}

/**
 * Migrates the nodes and the node data of one layer: worker threads translate ranges of the buid key space, then merge
 * the sorted rows of the index databases; the writer thread puts the finished pages together and keeps a checkpoint of
 * the partitions that are done.
 */
export class LayerNodes {
  private readonly buildDir: string
  private readonly runsDir: string
  private readonly key: string
  private readonly layerPath: string
  private readonly nodedataPath: string
  private readonly done = new Map<number, Partition>()
  private streams = 0
  private rows = 0
  private nodeCount = 0
  private totalRows = 0

  constructor(
    private readonly options: LayerNodesOptions,
    private readonly pool: TaskPool,
    private readonly writer: WriterPort,
    private readonly credits: Credits,
    private readonly events: LayerNodesEvents,
  ) {
    const { iden, srcDir, destDir } = options
    this.buildDir = join(destDir, 'migration', 'build', iden, 'nodes')
    this.runsDir = join(destDir, 'migration', 'runs', iden)
    this.key = `nodes/${iden}`
    this.layerPath = join(srcDir, 'layers', iden, 'layer.lmdb')
    this.nodedataPath = join(srcDir, 'layers', iden, 'nodedata.lmdb')
  }

  async run(): Promise<LayerNodesResult> {
    const startedMs = Date.now()
    const layer = SlabReader.open(this.layerPath)
    const nodedata = this.openNodedata()
    try {
      const plan = this.plan(layer, nodedata)
      const checkpoint = this.options.fromLast ? await this.loadCheckpoint(plan.fingerprint) : null
      if (checkpoint?.isBuilt) {
        for (const partition of checkpoint.done) this.done.set(partition.counts.partition, partition)
        this.events.errors(errorsOf(checkpoint.done))
        return this.result(startedMs, plan.isLimited, true, 0)
      }
      const borders = checkpoint?.borders ?? plan.borders
      const begun = { fingerprint: plan.fingerprint, borders, nodelim: this.options.nodelim }
      await this.begin(checkpoint)
      await this.extractAll(rangesOf(borders, plan.end), begun, nodedata)
      if (!plan.isLimited) this.checkRowCounts(layer, nodedata)
      layer.assertUnchanged()
      nodedata?.assertUnchanged()
      if (this.options.dryRun) return this.result(startedMs, plan.isLimited, false, 0)
      const mergeStartedMs = Date.now()
      await this.merge(nodedata !== null)
      // The slabs are complete: who finds this checkpoint has but to give them their names.
      await this.writer.call('putCheckpoint', {
        key: this.key,
        checkpoint: { ...begun, done: [...this.done.values()], isBuilt: true, state: null },
      })
      await this.install()
      rmSync(this.runsDir, { recursive: true, force: true })
      return this.result(startedMs, plan.isLimited, false, Date.now() - mergeStartedMs)
    } finally {
      layer.close()
      nodedata?.close()
    }
  }

  private openNodedata(): SlabReader | null {
    if (!this.options.withNodedata) return null
    if (SlabReader.exists(this.nodedataPath)) return SlabReader.open(this.nodedataPath)
    this.events.warn(`Nodedata slab not found for ${this.options.iden}, there is none to migrate`)
    return null
  }

  private plan(layer: SlabReader, nodedata: SlabReader | null) {
    const { options } = this
    const bybuid = layer.db('bybuid')
    if (bybuid === undefined) throw layer.corrupt('it has no database "bybuid"')
    const end = options.nodelim === null ? null : nthNode(bybuid, options.nodelim)
    const data = nodedata?.db('bybuid')
    this.totalRows = bybuid.entries + (data?.entries ?? 0)
    return {
      end,
      isLimited: end !== null,
      borders: planPartitions(data === undefined ? [bybuid] : [bybuid, data], layer.pageSize, {
        workers: this.pool.workers,
        memoryBytes: options.memoryBytes,
        partitionBytes: options.pieces.partitionBytes,
      }),
      fingerprint: {
        schema: SCHEMA,
        layer: options.iden,
        'source transaction': layer.txnId,
        'source rows': bybuid.entries,
        'node data transaction': nodedata?.txnId ?? null,
        'node data rows': data?.entries ?? null,
        checks: options.checks,
        'partial nodes': options.mapPartial,
        'other layers': options.otherLayers.join(','),
        model: modelKey(options.model),
      },
    }
  }

  private async loadCheckpoint(fingerprint: Readonly<Record<string, unknown>>): Promise<Checkpoint | null> {
    const { iden } = this.options
    const found = (await this.writer.call('checkpoint', { key: this.key })) as Checkpoint | null
    if (found === null) {
      this.events.warn(`Start from checkpoint was specified but no nodes log found for layer ${iden}`)
      return null
    }
    checkpointDiffers(iden, found.fingerprint, fingerprint)
    if (found.nodelim !== this.options.nodelim) {
      this.events.info(`Layer ${iden} was begun with another --nodelim, starting it afresh`)
      return null
    }
    const files = [join(this.slabDir, 'data.mdb'), ...found.done.map(({ counts }) => this.runPath(counts.partition))]
    const isThere = found.isBuilt ? await this.install() : files.every((file) => existsSync(file))
    if (isThere) return found
    this.events.warn(`What layer ${iden} was migrated to is gone, starting it afresh`)
    return null
  }

  private install(): Promise<boolean> {
    const layerDir = join(this.options.destDir, 'layers', this.options.iden)
    return this.writer.call('installSlabs', {
      slabs: [
        { dir: this.dataDir, finalDir: join(layerDir, 'nodedata.lmdb') },
        { dir: this.slabDir, finalDir: join(layerDir, 'layer_v2.lmdb') },
      ],
    })
  }

  private async begin(checkpoint: Checkpoint | null): Promise<void> {
    if (this.options.dryRun) return
    if (checkpoint === null) {
      await this.writer.call('dropCheckpoint', { key: this.key })
      rmSync(this.runsDir, { recursive: true, force: true })
    }
    mkdirSync(this.runsDir, { recursive: true, mode: 0o700 })
    const state = checkpoint?.state ?? null
    await this.writer.call('build', { slab: this.slabName, dir: this.slabDir, state })
    if (checkpoint === null) return
    for (const partition of checkpoint.done) {
      this.done.set(partition.counts.partition, partition)
      this.count(partition.counts)
      this.streams = Math.max(this.streams, partition.stream + 1)
    }
    this.events.errors(errorsOf(checkpoint.done))
    await this.writer.call('restore', {
      slab: this.slabName,
      streams: checkpoint.done.map(({ stream, counts }) => ({ id: stream, runPath: this.runPath(counts.partition) })),
    })
    const { iden } = this.options
    this.events.info(
      `Resuming nodes migration from partition ${checkpoint.done.length} of ${checkpoint.borders.length + 1} for layer ${iden}`,
    )
  }

  private async extractAll(
    ranges: readonly { start: Uint8Array | null; end: Uint8Array | null }[],
    begun: Pick<Checkpoint, 'fingerprint' | 'borders' | 'nodelim'>,
    nodedata: SlabReader | null,
  ): Promise<void> {
    const commits = new GroupCommit<Partition>(async (batch) => {
      for (const partition of batch) this.done.set(partition.counts.partition, partition)
      await this.writer.call('commit', {
        slab: this.slabName,
        streams: batch.map(({ stream }) => stream),
        runPaths: batch.map(({ counts }) => this.runPath(counts.partition)),
        key: this.key,
        checkpoint: { ...begun, done: [...this.done.values()], isBuilt: false },
      })
      this.events.errors(errorsOf(batch))
    })
    const finished = (partition: Partition) => {
      this.count(partition.counts)
      commits.add(partition)
    }
    this.showProgress()
    const deferred: Partition[] = []
    const open = ranges.map((_, index) => index).filter((index) => !this.done.has(index))
    await inTurn(open, 2 * this.pool.workers, async (index) => {
      const partition = await this.extract(index, ranges[index], [], nodedata !== null)
      const isUnresolved = this.options.mapPartial && partition.counts.unresolved.length > 0
      if (isUnresolved) deferred.push(partition)
      else finished(partition)
    })
    if (deferred.length > 0) {
      // Nodes whose form no other layer knows are rare: one pass over the index rows of this layer finds what is left.
      const forms = findForms(
        this.layerPath,
        deferred.map(({ counts }) => counts.unresolved),
      )
      await this.writer.call('drop', { slab: this.slabName, streams: deferred.map(({ stream }) => stream) })
      await inTurn(deferred, 2 * this.pool.workers, async ({ counts: { partition, unresolved } }) => {
        finished(await this.extract(partition, ranges[partition], formsOf(forms, unresolved), nodedata !== null))
      })
    }
    await commits.drain()
  }

  private async extract(
    index: number,
    range: { start: Uint8Array | null; end: Uint8Array | null },
    knownForms: readonly (readonly [string, string])[],
    withNodedata: boolean,
  ): Promise<Partition> {
    const { options } = this
    const stream = this.streams++
    const ports = streamPorts()
    const placed = this.writer.call(
      'receive',
      { slab: this.slabName, stream, port: ports.writer, credits: this.credits },
      [ports.writer],
    )
    placed.catch(() => {})
    const counts = await this.pool.run(
      'extractNodes',
      {
        layer: options.iden,
        partition: index,
        layerPath: this.layerPath,
        nodedataPath: withNodedata ? this.nodedataPath : null,
        otherLayerPaths: options.mapPartial
          ? options.otherLayers.map((iden) => join(options.srcDir, 'layers', iden, 'layer.lmdb'))
          : [],
        knownForms,
        start: range.start,
        end: range.end,
        checks: options.checks,
        mapPartial: options.mapPartial,
        model: options.model,
        runPath: options.dryRun ? null : this.runPath(index),
        stream,
        port: ports.task,
        credits: this.credits,
      },
      [ports.task],
    )
    await placed
    return { stream, counts }
  }

  private async merge(withNodedata: boolean): Promise<void> {
    const { writer, slabName, dataName } = this
    const partitions = [...this.done.values()].sort((a, b) => a.counts.partition - b.counts.partition)
    const sources = this.readRuns(partitions)
    const names = this.mapAll(sources)
    await writer.call('build', { slab: dataName, dir: this.dataDir, state: null })
    await writer.call('finishDb', {
      slab: slabName,
      name: 'bybuid',
      dupSort: false,
      streams: partitions.map(({ stream }) => stream),
    })
    let stream = MERGE_STREAMS
    const jobs: (() => Promise<unknown>)[] = []
    const dbs: { slab: string; name: string; dupSort: boolean; streams: number[] }[] = []
    const indexes = [...INDEX_DBS.map((db) => ({ db, slab: slabName })), { db: 'dataname' as const, slab: dataName }]
    for (const { db, slab } of indexes) {
      const units = planMerge(db, sources, this.options.pieces.unitBytes)
      const streams = units.map((unit) => {
        const id = stream++
        jobs.push(() => this.streamTask('mergeRuns', slab, id, unit))
        return id
      })
      dbs.push({ slab, name: db, dupSort: true, streams })
    }
    const dataStreams: number[] = []
    for (let at = 0; withNodedata && at < sources.length; at += NODEDATA_UNIT_PARTS) {
      const parts = sources.slice(at, at + NODEDATA_UNIT_PARTS).flatMap(({ path, footer, propAbrvs }) => {
        const { start, end } = footer.nodedata
        return end > start ? [{ path, start, end, abrvs: propAbrvs }] : []
      })
      if (parts.length === 0) continue
      const id = stream++
      jobs.push(() => this.streamTask('copyNodedata', dataName, id, { parts }))
      dataStreams.push(id)
    }
    dbs.push({ slab: dataName, name: 'nodedata', dupSort: false, streams: dataStreams })
    let merged = 0
    this.events.merged(0, jobs.length)
    await inTurn(jobs, 2 * this.pool.workers, async (job) => {
      await job()
      this.events.merged(++merged, jobs.length)
    })
    for (const db of dbs) await writer.call('finishDb', db)
    await this.writeSmallDbs(names)
    await writer.call('finishSlab', { slab: dataName })
    await writer.call('finishSlab', { slab: slabName })
  }

  private async streamTask(
    name: 'mergeRuns' | 'copyNodedata',
    slab: string,
    stream: number,
    input: object,
  ): Promise<void> {
    const ports = streamPorts()
    const { credits } = this
    const placed = this.writer.call('receive', { slab, stream, port: ports.writer, credits }, [ports.writer])
    placed.catch(() => {})
    await this.pool.run(name, { ...input, stream, port: ports.task, credits } as never, [ports.task])
    await placed
  }

  private readRuns(partitions: readonly Partition[]): MergeSource[] {
    return partitions.map(({ counts }) => {
      const path = this.runPath(counts.partition)
      const footer = readRunFooter<unknown>(path)
      if (footer === null)
        throw new MigrationError('ERR_DEST', `Cannot merge layer "${this.options.iden}": ${path} is gone`)
      const none = new Float64Array(0)
      return { path, footer, propAbrvs: none, tagAbrvs: none, tagPropAbrvs: none }
    })
  }

  private mapAll(sources: MergeSource[]) {
    const props = unionNames(sources.map(({ footer }) => footer.propNames))
    const tags = unionNames(sources.map(({ footer }) => footer.tagNames))
    const tagProps = unionNames(sources.map(({ footer }) => footer.tagPropNames))
    sources.forEach((source, i) => {
      sources[i] = {
        ...source,
        propAbrvs: mapNames(source.footer.propNames, props),
        tagAbrvs: mapNames(source.footer.tagNames, tags),
        tagPropAbrvs: mapNames(source.footer.tagPropNames, tagProps),
      }
    })
    return { props, tags, tagProps }
  }

  private async writeSmallDbs(names: {
    props: Uint8Array[]
    tags: Uint8Array[]
    tagProps: Uint8Array[]
  }): Promise<void> {
    const rows = (name: string, list: [Uint8Array, Uint8Array][]) =>
      this.writer.call('rowsDb', { slab: this.slabName, name, dupSort: false, rows: list })
    for (const [space, list] of [
      ['propabrv', names.props],
      ['tagabrv', names.tags],
      ['tagpropabrv', names.tagProps],
    ] as const) {
      await rows(
        `${space}:byts2abrv`,
        list.map((name, abrv) => [name, int64(abrv)]),
      )
      await rows(
        `${space}:abrv2byts`,
        list.map((name, abrv) => [int64(abrv), name]),
      )
    }
    const counts = [...this.sum((partition) => partition.forms)]
    const formRows = counts.map(([form, count]): [Uint8Array, Uint8Array] => [Buffer.from(form), int64(count)])
    await rows(
      'count:forms',
      formRows.sort(([a], [b]) => Buffer.compare(a, b)),
    )
    for (const { name, dupSort } of EMPTY_DBS) {
      await this.writer.call('rowsDb', { slab: this.slabName, name, dupSort, rows: [] })
    }
  }

  private checkRowCounts(layer: SlabReader, nodedata: SlabReader | null): void {
    const counts = [...this.done.values()].map((partition) => partition.counts)
    const read = counts.reduce((sum, { sourceRows }) => sum + sourceRows, 0)
    const readData = counts.reduce((sum, { nodedataRows }) => sum + nodedataRows, 0)
    const there = layer.db('bybuid')?.entries ?? 0
    const thereData = nodedata?.db('bybuid')?.entries ?? 0
    if (read === there && readData === thereData) return
    throw layer.corrupt(`${read} + ${readData} rows were read of ${there} + ${thereData}`)
  }

  private result(startedMs: number, isLimited: boolean, wasDone: boolean, nodedataElapsedMs: number): LayerNodesResult {
    const counts = [...this.done.values()]
      .map((partition) => partition.counts)
      .sort((a, b) => a.partition - b.partition)
    const total = (pick: (count: NodeExtractCounts) => number) => counts.reduce((sum, count) => sum + pick(count), 0)
    return {
      nodes: total((count) => count.nodes),
      migrated: total((count) => count.migrated),
      reduced: total((count) => count.reduced),
      nodedata: total((count) => count.nodedataRows),
      nodedataMigrated: total((count) => count.nodedataMigrated),
      errorCount: total((count) => count.errorCount),
      sourceForms: this.sum((count) => count.sourceForms),
      forms: this.sum((count) => count.forms),
      lastBuid: counts.reduce<Uint8Array | null>((last, { lastBuid }) => lastBuid ?? last, null),
      isLimited,
      wasDone,
      elapsedMs: Date.now() - startedMs,
      nodedataElapsedMs,
    }
  }

  private sum(pick: (count: NodeExtractCounts) => readonly (readonly [string, number])[]): Map<string, number> {
    const sums = new Map<string, number>()
    for (const { counts } of this.done.values()) {
      for (const [form, count] of pick(counts)) sums.set(form, (sums.get(form) ?? 0) + count)
    }
    return sums
  }

  private count(counts: NodeExtractCounts): void {
    this.rows += counts.sourceRows + counts.nodedataRows
    this.nodeCount += counts.nodes
    this.showProgress()
  }

  private showProgress(): void {
    this.events.progress({ rows: this.rows, totalRows: this.totalRows, nodes: this.nodeCount })
  }

  private runPath(partition: number): string {
    return join(this.runsDir, `${String(partition).padStart(6, '0')}.run`)
  }

  private get slabDir(): string {
    return join(this.buildDir, 'layer_v2.lmdb')
  }

  private get dataDir(): string {
    return join(this.buildDir, 'nodedata.lmdb')
  }

  private get slabName(): string {
    return `${this.options.iden}/layer_v2`
  }

  private get dataName(): string {
    return `${this.options.iden}/nodedata`
  }
}

function errorsOf(partitions: readonly Partition[]): number {
  return partitions.reduce((sum, { counts }) => sum + counts.errorCount, 0)
}

function formsOf(forms: ReadonlyMap<string, string>, buids: Uint8Array): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = []
  for (let at = 0; at < buids.length; at += 32) {
    const hex = Buffer.from(buids.subarray(at, at + 32)).toString('hex')
    const form = forms.get(hex)
    if (form !== undefined) found.push([hex, form])
  }
  return found
}

/** 8 bytes big-endian, as counters and abbreviations are stored. */
function int64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
