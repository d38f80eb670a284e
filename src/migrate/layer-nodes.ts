import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { parsedRecord } from '../dest/checkpoints.js'
import { assert } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import {
  NODES_SCHEMA,
  type NodesCheckpoint,
  type NodesFingerprint,
  type NodesStream,
  nodesStream,
} from '../layout/records.js'
import type { ModelData } from '../model/model.js'
import { SlabReader } from '../page/page-reader.js'
import { nthNode } from '../source/node-limit.js'
import { findForms } from '../source/partial-forms.js'
import { planPartitions, rangesOf } from '../source/partitions.js'
import { nodedataRows, nodeRows } from '../source/source-dbs.js'
import { modelKey } from '../stream/worker-state.js'
import type { Credits } from '../thread/chunk-sender.js'
import { GroupCommit, inTurn } from '../thread/in-turn.js'
import type { TaskPool } from '../thread/task-pool.js'
import type { LayerWriterPort } from '../writer/layer-writer.js'
import { damagedStreams } from './check-kept.js'
import { checkpointDiffers } from './checkpoint-differs.js'
import { parsedCheckpoint, printOf } from './layer-checkpoint.js'
import { LayerMerge } from './layer-merge.js'
import type { PieceSizes } from './options.js'
import { runStream } from './stream-task.js'
import type { NodeExtractCounts } from './tasks/node-extract.js'

export interface LayerNodesOptions {
  readonly iden: string
  readonly srcDir: string
  readonly destDir: string
  /** Layer idens whose rows may tell a partial node's form, those below in a view first. */
  readonly otherLayers: readonly string[]
  readonly model: ModelData
  readonly checks: boolean
  readonly mapPartial: boolean
  /** Whether the Cortex has layers that cannot be looked at. */
  readonly isLayerMissing: boolean
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

/** A partition that no checkpoint vouches for yet, and the bytes of its pages and its run. */
interface Extracted extends Partition {
  readonly bytes: number
}

interface Checkpoint extends NodesCheckpoint {
  /** Partitions that are translated, and parts of the merge, which have no counts. */
  readonly streams: readonly NodesStream[]
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
  private readonly merge: LayerMerge
  private streams = 0
  private rows = 0
  private nodeCount = 0
  private totalRows = 0

  constructor(
    private readonly options: LayerNodesOptions,
    readonly pool: TaskPool,
    readonly writer: LayerWriterPort,
    readonly credits: Credits,
    private readonly events: LayerNodesEvents,
  ) {
    const { iden, srcDir, destDir } = options
    this.buildDir = join(cortexPaths(destDir).migration.buildOf(iden), 'nodes')
    this.runsDir = cortexPaths(destDir).migration.runsOf(iden)
    this.key = `nodes/${iden}`
    this.layerPath = cortexPaths(srcDir).layer(iden).slab('layer')
    this.nodedataPath = cortexPaths(srcDir).layer(iden).slab('nodedata')
    this.merge = new LayerMerge({ iden, buildDir: this.buildDir, key: this.key }, pool, writer, credits, events)
  }

  async run(): Promise<LayerNodesResult> {
    const startedMs = Date.now()
    const layer = SlabReader.open(this.layerPath)
    const nodedata = this.openNodedata()
    try {
      const plan = this.plan(layer, nodedata)
      const checkpoint = this.options.fromLast ? await this.loadCheckpoint(plan.fingerprint) : null
      if (checkpoint?.isBuilt) {
        this.takeDone(checkpoint.streams)
        return this.result(startedMs, plan.isLimited, true, 0)
      }
      const borders = checkpoint?.borders ?? plan.borders
      const unitBytes = checkpoint === null ? this.options.pieces.unitBytes : checkpoint.unitBytes
      const head = { fingerprint: plan.fingerprint, borders, nodelim: this.options.nodelim, unitBytes }
      if (!this.options.dryRun) await this.begin(checkpoint, head)
      const commits = await this.extractAll(rangesOf(borders, plan.end), nodedata)
      if (!plan.isLimited) this.checkRowCounts(layer, nodedata)
      layer.assertUnchanged()
      nodedata?.assertUnchanged()
      if (this.options.dryRun) {
        await commits.drain()
        return this.result(startedMs, plan.isLimited, false, 0)
      }
      const mergeStartedMs = Date.now()
      const partitions = [...this.done.values()].sort((a, b) => a.counts.partition - b.counts.partition)
      await this.merge.run({
        bybuid: partitions.map(({ stream }) => stream),
        forms: this.sum((partition) => partition.forms),
        withNodedata: nodedata !== null,
        unitBytes,
        partitions: commits,
      })
      // The slabs are complete: who finds this checkpoint has but to give them their names.
      const streams = partitions.map(({ counts }) => ({ stream: counts.partition, counts }))
      await this.writer.call('putBuilt', { key: this.key, checkpoint: { ...head, isBuilt: true }, streams })
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
    const bybuid = nodeRows(layer)
    const end = options.nodelim === null ? null : nthNode(bybuid, options.nodelim)
    const data = nodedataRows(nodedata)
    this.totalRows = bybuid.entries + (data?.entries ?? 0)
    return {
      end,
      isLimited: end !== null,
      borders: planPartitions(data === undefined ? [bybuid] : [bybuid, data], layer.pageSize, {
        workers: this.pool.workers,
        memoryBytes: options.memoryBytes,
        partitionBytes: options.pieces.partitionBytes,
      }),
      fingerprint: this.fingerprint(),
    }
  }

  private fingerprint(): NodesFingerprint {
    const { iden, srcDir, otherLayers, withNodedata, checks, mapPartial, model } = this.options
    const source = cortexPaths(srcDir)
    const layer = printOf(source.layer(iden), 'layer')
    assert(layer !== null, () => `layer "${iden}" has no slab`)
    return {
      schema: NODES_SCHEMA,
      layer: iden,
      slabs: {
        layer,
        nodedata: withNodedata ? printOf(source.layer(iden), 'nodedata') : null,
        // Every change of a node is a splice: of a large layer its log tells more than a sample of its pages.
        splices: printOf(source.layer(iden), 'splices'),
      },
      otherLayers: otherLayers.map((other) => ({ iden: other, layer: printOf(source.layer(other), 'layer') })),
      checks,
      mapPartial,
      model: modelKey(model),
    }
  }

  private async loadCheckpoint(fingerprint: NodesFingerprint): Promise<Checkpoint | null> {
    const { iden } = this.options
    const stored = await this.writer.call('checkpoint', { key: this.key })
    if (stored === null) {
      this.events.warn(`Start from checkpoint was specified but no nodes log found for layer ${iden}`)
      return null
    }
    const streams = stored.streams.map((stream) => parsedRecord(nodesStream, this.key, stream))
    const found = { ...parsedCheckpoint('nodes', this.key, stored.head), streams }
    checkpointDiffers(iden, found.fingerprint, fingerprint)
    if (found.nodelim !== this.options.nodelim) {
      this.events.info(`Layer ${iden} was begun with another --nodelim, starting it afresh`)
      return null
    }
    const isThere = found.isBuilt ? await this.install() : this.merge.files().every((file) => existsSync(file))
    if (isThere) return found
    this.events.warn(`What layer ${iden} was migrated to is gone, starting it afresh`)
    return null
  }

  private install(): Promise<boolean> {
    return this.merge.install(cortexPaths(this.options.destDir).layer(this.options.iden).dir)
  }

  private async begin(checkpoint: Checkpoint | null, head: Omit<Checkpoint, 'streams' | 'isBuilt'>): Promise<void> {
    const { writer, key } = this
    if (checkpoint === null) {
      await writer.call('dropCheckpoint', { key })
      rmSync(this.runsDir, { recursive: true, force: true })
      mkdirSync(this.runsDir, { recursive: true, mode: 0o700 })
      await this.merge.begin()
      await writer.call('putCheckpoint', { key, checkpoint: { ...head, isBuilt: false } })
      return
    }
    const { kept, dropped } = await this.checked(checkpoint.streams)
    this.takeDone(kept)
    const resumed = this.merge.resume(
      kept,
      [...this.done.values()].map(({ stream, counts }) => [stream, this.runPath(counts.partition)]),
      dropped,
    )
    resumed.catch(() => {})
    // A stream that is made again has a new number.
    const numbers = partitionsOf(checkpoint.streams).map(({ stream }) => stream)
    this.streams = numbers.reduce((most, stream) => Math.max(most, stream + 1), 0)
    for (const { counts } of this.done.values()) {
      this.count(counts)
      this.merge.add(counts.partition, this.runPath(counts.partition))
      // A second of reading: the splices, and other layers, get their tasks meanwhile.
      await setImmediate()
    }
    await resumed
    this.events.info(
      `Resuming nodes migration from partition ${this.done.size} of ${checkpoint.borders.length + 1} for layer ${this.options.iden}`,
    )
  }

  /** Reads what an earlier run has left: only what is as it was written is gone on with. */
  private async checked(
    streams: readonly NodesStream[],
  ): Promise<{ kept: readonly NodesStream[]; dropped: readonly number[] }> {
    const runs = partitionsOf(streams).map(({ stream, counts }) => ({ stream, path: this.runPath(counts.partition) }))
    const damaged = await damagedStreams({ slabs: this.merge.placed(streams), runs }, this.pool)
    if (damaged.size > 0) {
      const parts = `${damaged.size} of ${streams.length} parts of layer ${this.options.iden}`
      this.events.warn(`Making ${parts} again: their files changed on disk since an earlier run wrote them`)
    }
    return { kept: streams.filter(({ stream }) => !damaged.has(stream)), dropped: [...damaged] }
  }

  private takeDone(streams: readonly NodesStream[]): void {
    const partitions = partitionsOf(streams)
    for (const partition of partitions) this.done.set(partition.counts.partition, partition)
    this.events.errors(errorsOf(partitions))
  }

  /** Returns when all partitions are translated; the last of them may still have to be vouched for. */
  private async extractAll(
    ranges: readonly { start: Uint8Array | null; end: Uint8Array | null }[],
    nodedata: SlabReader | null,
  ): Promise<GroupCommit<Partition>> {
    const commits = new GroupCommit<Partition>(async (batch) => {
      await this.writer.call('commit', {
        slab: this.merge.slabName,
        key: this.key,
        streams: batch,
        runPaths: batch.map(({ counts }) => this.runPath(counts.partition)),
      })
      this.events.errors(errorsOf(batch))
    })
    const finished = ({ bytes, ...partition }: Extracted) => {
      this.count(partition.counts)
      this.showProgress()
      this.done.set(partition.counts.partition, partition)
      commits.add(partition, bytes)
      if (!this.options.dryRun) this.merge.add(partition.counts.partition, this.runPath(partition.counts.partition))
    }
    // What an earlier run did is shown as done at once: it says nothing of how fast this one is.
    this.showProgress()
    const deferred: Extracted[] = []
    const open = ranges.map((_, index) => index).filter((index) => !this.done.has(index))
    await inTurn(open, 2 * this.pool.workers, async (index) => {
      await commits.room()
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
      await this.writer.call('drop', { slab: this.merge.slabName, streams: deferred.map(({ stream }) => stream) })
      await inTurn(deferred, 2 * this.pool.workers, async ({ counts: { partition, unresolved } }) => {
        await commits.room()
        finished(await this.extract(partition, ranges[partition], formsOf(forms, unresolved), nodedata !== null))
      })
    }
    return commits
  }

  private async extract(
    index: number,
    range: { start: Uint8Array | null; end: Uint8Array | null },
    knownForms: readonly (readonly [string, string])[],
    withNodedata: boolean,
  ): Promise<Extracted> {
    const { options } = this
    const runPath = options.dryRun ? null : this.runPath(index)
    const stream = this.streams++
    const place = { slab: this.merge.slabName, stream }
    const { result: counts, pageBytes } = await runStream(this, place, 'extractNodes', {
      layer: options.iden,
      partition: index,
      layerPath: this.layerPath,
      nodedataPath: withNodedata ? this.nodedataPath : null,
      otherLayerPaths: options.mapPartial
        ? options.otherLayers.map((iden) => cortexPaths(options.srcDir).layer(iden).slab('layer'))
        : [],
      knownForms,
      start: range.start,
      end: range.end,
      checks: options.checks,
      mapPartial: options.mapPartial,
      isLayerMissing: options.isLayerMissing,
      model: options.model,
      runPath,
    })
    const runBytes = runPath === null ? 0 : statSync(runPath).size
    return { stream, counts, bytes: pageBytes + runBytes }
  }

  private checkRowCounts(layer: SlabReader, nodedata: SlabReader | null): void {
    const counts = [...this.done.values()].map((partition) => partition.counts)
    const read = counts.reduce((sum, { sourceRows }) => sum + sourceRows, 0)
    const readData = counts.reduce((sum, { nodedataRows }) => sum + nodedataRows, 0)
    const there = nodeRows(layer).entries
    const thereData = nodedataRows(nodedata)?.entries ?? 0
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
  }

  private showProgress(): void {
    this.events.progress({ rows: this.rows, totalRows: this.totalRows, nodes: this.nodeCount })
  }

  private runPath(partition: number): string {
    return join(this.runsDir, `${String(partition).padStart(6, '0')}.run`)
  }
}

/** The partitions among finished streams: parts of the merge have no counts. */
function partitionsOf(streams: readonly NodesStream[]): Partition[] {
  return streams.flatMap(({ stream, counts }) => (counts === undefined ? [] : [{ stream, counts }]))
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
