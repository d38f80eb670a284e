import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { byteListOf } from '../bytes/byte-list.js'
import { cortexPaths } from '../layout/paths.js'
import type { NodesCheckpoint, NodesStream } from '../layout/records.js'
import { SlabReader } from '../page/page-reader.js'
import { FAN_IN, type FanIn } from '../run/run-levels.js'
import { nthNode } from '../source/node-limit.js'
import { findForms } from '../source/partial-forms.js'
import { Partitions, partitionsPerTask, planPartitions } from '../source/partitions.js'
import { nodedataRows, nodeRows } from '../source/source-dbs.js'
import type { GroupCommit } from '../thread/in-turn.js'
import { type JobEvents, LayerJob, type Noted, type Saved } from './layer-job.js'
import { LayerMerge, type LayerMergeEvents, nodeSlabs } from './layer-merge.js'
import { type LayerNodesSource, type LayerPlan, type MadeParts, nodesFingerprint, type Share } from './layer-plan.js'
import { LayerRuns, PartRuns, type Runs } from './layer-runs.js'
import { NodeTotals } from './node-totals.js'
import type { PieceSizes } from './options.js'
import type { StreamThreads } from './stream-task.js'
import type { NodeExtractCounts, NodeExtractInput } from './tasks/node-extract.js'

export interface LayerNodesOptions extends LayerNodesSource {
  /** What other processes have made of the layer; null when this one does all of it. */
  readonly made: MadeParts | null
  readonly fromLast: boolean
  /** Whether to stop after translating: nothing is sorted, merged or stored. */
  readonly dryRun: boolean
  /** Memory for rows in transit, for all threads together. */
  readonly memoryBytes: number
  readonly pieces: PieceSizes
}

export interface LayerNodesEvents extends JobEvents, LayerMergeEvents {
  /** Source rows read so far, and in total. */
  progress(done: { rows: number; totalRows: number }): void
}

export interface LayerNodesResult {
  readonly nodes: number
  readonly migrated: number
  readonly reduced: number
  /** Values of node data in the source, and those that were migrated. */
  readonly nodedata: number
  readonly nodedataMigrated: number
  readonly errorCount: number
  readonly partialNodes: number
  readonly keptValues: number
  readonly typedTagProps: number
  readonly sourceForms: ReadonlyMap<string, number>
  readonly forms: ReadonlyMap<string, number>
  /** The last node of the layer. */
  readonly lastBuid: Uint8Array | null
  readonly isLimited: boolean
  readonly elapsedMs: number
  readonly nodedataElapsedMs: number
}

/** The partitions that a task has translated. */
interface Partition {
  readonly stream: number
  readonly counts: NodeExtractCounts
}

/** Partitions that no checkpoint vouches for yet, with the bytes of their pages and runs. */
interface Extracted extends Partition {
  readonly bytes: number
}

/**
 * Migrates the nodes and the node data of one layer. Worker threads translate ranges of the buid key space, then merge
 * the sorted rows of the index databases. The writer thread assembles the finished pages and keeps a checkpoint of
 * finished partitions.
 */
export class LayerNodes {
  private readonly runsDir: string
  private readonly layerPath: string
  private readonly nodedataPath: string
  /** The name of the nodes' slab at the writer. */
  private readonly slab: string
  /** The stream of translated partitions, by the first one of each task. */
  private readonly done = new Map<number, number>()
  private readonly totals = new NodeTotals()
  private readonly job: LayerJob<'nodes'>
  private readonly merge: LayerMerge
  /** Set once the number of partitions is known. */
  private runs: Runs
  /** Parts of the merge that an earlier run made. */
  private merged: ReadonlySet<number> = new Set()
  private streams = 0
  /** Resolves when the writer is ready for pages. A first run reads nodes without waiting for it. */
  private ready: Promise<void> = Promise.resolve()
  private totalRows = 0
  private sourceBytes = 0

  constructor(
    private readonly options: LayerNodesOptions,
    threads: StreamThreads,
    private readonly events: LayerNodesEvents,
  ) {
    const { iden, srcDir, destDir } = options
    const dest = cortexPaths(destDir)
    this.runsDir = dest.migration.runsOf(iden)
    this.layerPath = cortexPaths(srcDir).layer(iden).slab('layer')
    this.nodedataPath = cortexPaths(srcDir).layer(iden).slab('nodedata')
    const slabs = nodeSlabs(iden, join(dest.migration.buildOf(iden), 'nodes'), dest.layer(iden).dir)
    this.slab = slabs[1].slab
    const { fromLast, nodelim, made } = options
    const kind = {
      step: 'nodes',
      iden,
      slabs,
      fromLast,
      noted: ({ stream, counts, run }: NodesStream): Noted => ({
        stream,
        errors: counts?.errorCount ?? 0,
        partition: counts?.partition ?? null,
        run: run ?? null,
      }),
      runsOf: (streams: readonly Noted[]) => this.runs.noted(streams),
      keep: (streams: readonly Noted[], damaged: ReadonlySet<number>) => this.runs.keep(streams, damaged),
      startsOver: (head: NodesCheckpoint) => {
        if (head.nodelim !== nodelim) return `Layer ${iden} was started with another --nodelim, starting it over`
        // Other runs give other parts of the merge.
        const isOther = !head.isBuilt && head.parts !== made?.plan.parts
        return isOther ? `Layer ${iden} was started with other parts, starting it over` : null
      },
      texts: {
        noCheckpoint:
          made === null ? `Start from checkpoint was specified but no nodes log found for layer ${iden}` : null,
        gone: `The migrated slabs of layer ${iden} are gone, starting it over`,
        again: (some: string) =>
          `Redoing ${some} parts of layer ${iden}: their files changed on disk since an earlier run wrote them`,
      },
    } as const
    this.job = new LayerJob(kind, threads, events)
    this.merge = new LayerMerge(iden, slabs, this.job, events)
    this.runs = this.runsOf(1, undefined, 1)
  }

  async run(): Promise<LayerNodesResult> {
    const startedMs = Date.now()
    const layer = SlabReader.open(this.layerPath)
    const nodedata = this.openNodedata()
    try {
      const plan = this.plan(layer, nodedata)
      const saved = await this.job.load(plan.fingerprint)
      if (saved?.head.isBuilt) {
        for await (const note of saved.notes()) this.takeNote(note)
        this.events.progress({ rows: this.totalRows, totalRows: this.totalRows })
        this.events.merged(1, 1)
        return this.result(startedMs, plan.isLimited, 0)
      }
      const borders = saved?.head.borders ?? plan.borders
      const unitBytes = saved === null ? this.options.pieces.unitBytes : saved.head.unitBytes
      const fanIn = saved === null ? this.options.pieces.fanIn : saved.head.fanIn
      const perTask = saved?.head.perTask ?? this.perTask(borders.ends.length + 1, fanIn)
      const { nodelim, made } = this.options
      const parts = made?.plan.parts
      const { fingerprint, end } = plan
      const sizes = { partitions: borders.ends.length + 1, perTask, unitBytes, fanIn }
      const head = { fingerprint, borders, ...sizes, nodelim, parts, isBuilt: false }
      const partitions = new Partitions(borders, end)
      this.runs = this.runsOf(partitions.count, fanIn, perTask)
      if (!this.options.dryRun) await this.begin(saved, head)
      const commits = await this.extractAll(partitions, perTask, nodedata)
      if (!plan.isLimited) this.checkRowCounts(layer, nodedata)
      layer.assertUnchanged()
      nodedata?.assertUnchanged()
      if (this.options.dryRun) {
        await commits.drain()
        return this.result(startedMs, plan.isLimited, 0)
      }
      const mergeStartedMs = Date.now()
      const { runs } = this
      if (runs.areMerged) {
        await commits.drain()
        await runs.drain()
      }
      await this.merge.run({
        bybuid: [...this.done].sort(([a], [b]) => a - b).map(([, stream]) => stream),
        made: this.merged,
        forms: new Map(this.totals.whole().forms),
        runs: runs.areMerged ? runs.last() : null,
        withNodedata: nodedata !== null,
        unitBytes,
        partitions: commits,
      })
      await this.job.complete({ ...head, borders: null }, [{ stream: 0, counts: this.totals.whole() }])
      rmSync(this.runsDir, { recursive: true, force: true })
      return this.result(startedMs, plan.isLimited, Date.now() - mergeStartedMs)
    } finally {
      layer.close()
      nodedata?.close()
    }
  }

  /**
   * Translates a share of the partitions, for a part of the layer.
   *
   * @returns the runs that it leaves, in order
   */
  async extractShare({ borders }: LayerPlan, share: Share, fanIn: FanIn, dir: string): Promise<readonly string[]> {
    const layer = SlabReader.open(this.layerPath)
    const nodedata = this.openNodedata()
    try {
      const { key, threads } = this.job
      const runs = new LayerRuns(dir, share.end - share.first, fanIn, 1, key, threads, share.first)
      this.runs = runs
      this.totalRows = nodeRows(layer).entries + (nodedataRows(nodedata)?.entries ?? 0)
      const commits = await this.extractAll(new Partitions(byteListOf(borders), null), 1, nodedata, share)
      await commits.drain()
      await runs.drain()
      layer.assertUnchanged()
      nodedata?.assertUnchanged()
      return runs.last()
    } finally {
      layer.close()
      nodedata?.close()
    }
  }

  /** Makes the pages of a share of the merge, for a part of the layer. Returns which these are. */
  mergeShare(runs: readonly string[], shareOf: (units: number) => Share): Promise<Share> {
    const { withNodedata, pieces } = this.options
    return this.merge.runShare(
      {
        runs,
        withNodedata: withNodedata && SlabReader.exists(this.nodedataPath),
        unitBytes: pieces.unitBytes,
      },
      shareOf,
    )
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
    this.sourceBytes = (bybuid.dataPages + (data?.dataPages ?? 0)) * layer.pageSize
    return {
      end,
      isLimited: end !== null,
      borders:
        options.made === null
          ? planPartitions(data === undefined ? [bybuid] : [bybuid, data], layer.pageSize, {
              workers: this.job.threads.pool.workers,
              memoryBytes: options.memoryBytes,
              partitionBytes: options.pieces.partitionBytes,
            })
          : byteListOf(options.made.plan.borders),
      fingerprint: nodesFingerprint(options),
    }
  }

  /** How many partitions a task translates. Each piece of a part has a stream of its own. */
  private perTask(partitions: number, fanIn: FanIn = FAN_IN): number {
    const { made, pieces } = this.options
    if (made !== null) return 1
    const { workers } = this.job.threads.pool
    return partitionsPerTask(this.sourceBytes, partitions, {
      workers,
      atOnce: fanIn.atOnce,
      taskBytes: pieces.taskBytes,
    })
  }

  private async begin(saved: Saved<'nodes'> | null, head: NodesCheckpoint): Promise<void> {
    const makeRunsDir = () => mkdirSync(this.runsDir, { recursive: true, mode: 0o700 })
    const isFirst = saved === null && !existsSync(this.runsDir)
    if (isFirst) makeRunsDir()
    const { noted, kept, ready } = await this.job.begin(saved, head, () => {
      if (isFirst) return
      rmSync(this.runsDir, { recursive: true, force: true })
      makeRunsDir()
    })
    this.ready = ready
    this.merged = new Set(kept.map(({ stream }) => stream))
    // All at once would take too much memory, so each note was read to be checked, and is read again now.
    if (saved !== null) for await (const note of saved.notes()) if (this.merged.has(note.stream)) this.takeNote(note)
    // A stream that is made again gets a new number.
    for (const { stream, partition } of noted) if (partition !== null) this.streams = Math.max(this.streams, stream + 1)
    this.runs.resume(kept)
    for (const partition of this.done.keys()) {
      if (this.runs.areMerged) this.runs.add(partition)
      else this.merge.add(partition, this.runPath(partition))
      // The line above reads for about a second: let the splices and other layers get their tasks.
      await setImmediate()
    }
    if (!isFirst) await ready
    if (saved === null) return
    // The last task may have fewer.
    const done = Math.min(this.done.size * head.perTask, head.partitions)
    this.events.info(
      `Resuming nodes migration from partition ${done} of ${head.partitions} for layer ${this.options.iden}`,
    )
  }

  /** Takes over finished partitions of an earlier run; parts of the merge have no counts. */
  private takeNote({ stream, counts }: NodesStream): void {
    if (counts !== undefined) this.take(stream, counts)
  }

  /** Returns when all partitions are translated. The last ones may not be committed yet. */
  private async extractAll(
    partitions: Partitions,
    perTask: number,
    nodedata: SlabReader | null,
    share?: Share,
  ): Promise<Pick<GroupCommit<unknown>, 'room' | 'drain'>> {
    const { job, slab, runs } = this
    const { dryRun, mapPartial, made } = this.options
    const commits = job.commits((streams) => {
      // A merged run must not vouch for a partition that the checkpoint does not have.
      if (runs.areMerged && !dryRun) for (const { counts } of partitionsOf(streams)) runs.add(counts.partition)
    })
    const finished = ({ bytes, ...partition }: Extracted) => {
      this.take(partition.stream, partition.counts)
      this.showProgress()
      commits.add({ slab, stream: partition }, bytes)
      if (!runs.areMerged && !dryRun && share === undefined)
        this.merge.add(partition.counts.partition, this.runPath(partition.counts.partition))
    }
    // Show at once what an earlier run did: it says nothing about the speed of this one.
    this.showProgress()
    const deferred: Extracted[] = []
    const open: number[] = []
    const { first, end } = share ?? { first: 0, end: partitions.count }
    for (let index = first; index < end; index += perTask) if (!this.done.has(index)) open.push(index)
    const ofTask = (index: number): Pick<NodeExtractInput, 'partition' | 'start' | 'end' | 'borders'> => {
      const behind = index + perTask
      return { partition: index, ...partitions.range(index, behind), borders: partitions.within(index, behind) }
    }
    await job.each(open, [commits, runs], async (index) => {
      const partition = await this.extract(ofTask(index), [], nodedata !== null)
      // Parts have looked for these forms already.
      const isUnresolved = mapPartial && made === null && partition.counts.unresolved.length > 0
      if (isUnresolved) deferred.push(partition)
      else finished(partition)
    })
    if (deferred.length > 0) {
      // Nodes whose form is in no other layer are rare: one pass over this layer's index rows finds them.
      const forms = findForms(
        this.layerPath,
        deferred.map(({ counts }) => counts.unresolved),
      )
      await job.threads.writer.call('drop', { slab, streams: deferred.map(({ stream }) => stream) })
      await job.each(deferred, [commits, runs], async ({ counts: { partition, unresolved } }) => {
        finished(await this.extract(ofTask(partition), formsOf(forms, unresolved), nodedata !== null))
      })
    }
    return commits
  }

  private async extract(
    range: Pick<NodeExtractInput, 'partition' | 'start' | 'end' | 'borders'>,
    knownForms: readonly (readonly [string, string])[],
    withNodedata: boolean,
  ): Promise<Extracted> {
    const { options } = this
    const runPath = options.dryRun ? null : this.runPath(range.partition)
    const stream = this.streams++
    const place = { slab: this.slab, stream, ready: this.ready }
    const { result: counts, pageBytes } = await this.job.stream(place, 'extractNodes', {
      layer: options.iden,
      layerPath: this.layerPath,
      nodedataPath: withNodedata ? this.nodedataPath : null,
      otherLayerPaths: options.mapPartial
        ? options.otherLayers.map((iden) => cortexPaths(options.srcDir).layer(iden).slab('layer'))
        : [],
      knownForms,
      ...range,
      checks: options.checks,
      mapPartial: options.mapPartial,
      isLayerMissing: options.isLayerMissing,
      model: options.model,
      runPath,
    })
    const runBytes = runPath === null || options.made !== null ? 0 : statSync(runPath).size
    return { stream, counts, bytes: pageBytes + runBytes }
  }

  private checkRowCounts(layer: SlabReader, nodedata: SlabReader | null): void {
    const { sourceRows, nodedataRows: readData } = this.totals.whole()
    checkRows(layer, sourceRows, nodeRows(layer).entries)
    if (nodedata !== null) checkRows(nodedata, readData, nodedataRows(nodedata)?.entries ?? 0)
  }

  private result(startedMs: number, isLimited: boolean, nodedataElapsedMs: number): LayerNodesResult {
    const { sourceForms, forms, ...counts } = this.totals.whole()
    return {
      nodes: counts.nodes,
      migrated: counts.migrated,
      reduced: counts.reduced,
      nodedata: counts.nodedataRows,
      nodedataMigrated: counts.nodedataMigrated,
      errorCount: counts.errorCount,
      partialNodes: counts.partialNodes,
      keptValues: counts.keptValues,
      typedTagProps: counts.typedTagProps,
      sourceForms: new Map(sourceForms),
      forms: new Map(forms),
      lastBuid: counts.lastBuid,
      isLimited,
      elapsedMs: Date.now() - startedMs,
      nodedataElapsedMs,
    }
  }

  /** Takes note of translated partitions. */
  private take(stream: number, counts: NodeExtractCounts): void {
    this.done.set(counts.partition, stream)
    this.totals.add(counts)
  }

  private runsOf(partitions: number, fanIn: FanIn | undefined, perTask: number): Runs {
    const { made } = this.options
    if (made !== null) return new PartRuns(made.runPaths)
    return new LayerRuns(this.runsDir, partitions, fanIn, perTask, this.job.key, this.job.threads)
  }

  private showProgress(): void {
    const { sourceRows, nodedataRows } = this.totals.sums
    this.events.progress({ rows: sourceRows + nodedataRows, totalRows: this.totalRows })
  }

  private runPath(partition: number): string {
    return this.runs.pathOf(partition)
  }
}

/** @throws {MigrationError} ERR_SLAB_CORRUPT when damage hides rows that the slab says it has */
function checkRows(slab: SlabReader, read: number, there: number): void {
  if (read !== there) throw slab.corrupt(`${read} of ${there} rows were read`)
}

/** The partitions among finished streams; parts of the merge have no counts. */
function partitionsOf(streams: readonly NodesStream[]): Partition[] {
  return streams.flatMap(({ stream, counts }) => (counts === undefined ? [] : [{ stream, counts }]))
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
