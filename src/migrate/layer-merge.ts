import { join } from 'node:path'
import { MigrationError } from '../errors.js'
import { DEST_DBS, dbsFrom, INDEX_DBS } from '../layout/dest-dbs.js'
import type { NodesStream } from '../layout/records.js'
import type { StreamState } from '../page/page-chunk.js'
import { type LayerNames, MergePlan } from '../run/merge-plan.js'
import { readRunFooter } from '../run/run-footer.js'
import type { Credits } from '../thread/chunk-sender.js'
import { GroupCommit, inTurn } from '../thread/in-turn.js'
import type { TaskPool } from '../thread/task-pool.js'
import type { LayerWriterPort } from '../writer/layer-writer.js'
import { runStream } from './stream-task.js'

/** Streams of merges are numbered from here on, those of partitions from 0 with a new number for each try. */
export const MERGE_STREAMS = 2 ** 24
const NODEDATA_UNIT_PARTS = 16
export interface LayerMergeOptions {
  readonly iden: string
  /** Where the slabs are built. */
  readonly buildDir: string
  /** Key of the layer's checkpoint, which notes finished parts of the merge as well. */
  readonly key: string
}

export interface LayerMergeEvents {
  /** Parts of the index databases that are merged, of so many. */
  merged(done: number, total: number): void
}

/** One task of the merge, whose pages are a stream of their own. */
interface MergeJob {
  readonly slab: string
  readonly stream: number
  readonly task: 'mergeRuns' | 'copyNodedata'
  /** Made when its turn comes: the inputs of all jobs together would grow with the layer. */
  readonly input: () => object
}

/** One database of a slab that is being built, and the streams that make it up. */
interface BuiltDb {
  readonly slab: string
  readonly name: string
  readonly dupSort: boolean
  readonly streams: readonly number[]
}

/**
 * Makes the slabs of a layer from its partitions: worker threads merge the sorted rows of all runs into finished pages, part
 * by part, and each part is noted in the checkpoint. The same runs give the same parts, whoever plans them.
 */
export class LayerMerge {
  readonly slabName: string
  private readonly dataName: string
  private readonly slabDir: string
  private readonly dataDir: string
  private readonly plan = new MergePlan()
  private readonly done = new Set<number>()

  constructor(
    private readonly options: LayerMergeOptions,
    readonly pool: TaskPool,
    readonly writer: LayerWriterPort,
    readonly credits: Credits,
    private readonly events: LayerMergeEvents,
  ) {
    const { iden, buildDir } = options
    this.slabName = `${iden}/layer_v2`
    this.dataName = `${iden}/nodedata`
    this.slabDir = join(buildDir, 'layer_v2.lmdb')
    this.dataDir = join(buildDir, 'nodedata.lmdb')
  }

  async begin(): Promise<void> {
    await this.writer.call('build', { slab: this.slabName, dir: this.slabDir })
    await this.writer.call('build', { slab: this.dataName, dir: this.dataDir })
  }

  /**
   * Goes on with slabs that are half built.
   *
   * @param noted what the checkpoint notes, and is as it was written
   * @param runPaths the run file of each partition's stream
   * @param dropped streams that are made again
   */
  async resume(
    noted: readonly NodesStream[],
    runPaths: readonly (readonly [stream: number, path: string])[],
    dropped: readonly number[],
  ): Promise<void> {
    const { key } = this.options
    await this.writer.call('resume', { slab: this.slabName, dir: this.slabDir, key, runPaths, dropped })
    await this.writer.call('resume', { slab: this.dataName, dir: this.dataDir, key, runPaths: [], dropped })
    for (const { stream } of noted) if (stream >= MERGE_STREAMS) this.done.add(stream)
  }

  /** Where the streams lie that the checkpoint notes. */
  placed(noted: readonly NodesStream[]): Map<string, StreamState[]> {
    const of = (name: string) =>
      noted.flatMap(({ slab, state }) => (slab === name && state !== undefined ? [state] : []))
    return new Map([
      [this.slabDir, of(this.slabName)],
      [this.dataDir, of(this.dataName)],
    ])
  }

  /** Files without which the checkpoint is worth nothing. */
  files(): string[] {
    return [this.slabDir, this.dataDir].map((dir) => join(dir, 'data.mdb'))
  }

  /** Takes a finished partition into the plan. */
  add(partition: number, runPath: string): void {
    const footer = readRunFooter<unknown>(runPath)
    if (footer === null) {
      throw new MigrationError('ERR_DEST', `Cannot merge layer "${this.options.iden}": ${runPath} is gone`)
    }
    this.plan.add(partition, runPath, footer)
  }

  /**
   * Merges all partitions and completes both slabs where they are built.
   *
   * @param bybuid streams of the partitions, in order
   * @param forms counts of the nodes by form
   * @param unitBytes rows of one task; the default if undefined
   * @param partitions commits of the last partitions, which need not be done: a partition that is translated again gives
   *   the same run, and so the same parts
   */
  async run(args: {
    bybuid: readonly number[]
    forms: ReadonlyMap<string, number>
    withNodedata: boolean
    unitBytes: number | undefined
    partitions: Pick<GroupCommit<unknown>, 'room' | 'drain'>
  }): Promise<void> {
    const { writer, slabName, dataName } = this
    const { jobs, dbs } = this.jobs(args.withNodedata, args.unitBytes)
    await this.runJobs(jobs, args.partitions)
    await args.partitions.drain()
    const bybuid: BuiltDb = { slab: slabName, name: 'bybuid', dupSort: false, streams: args.bybuid }
    for (const db of [bybuid, ...dbs]) await writer.call('finishDb', { ...db, streams: [...db.streams] })
    await this.writeSmallDbs(this.plan.names(), args.forms)
    await writer.call('finishSlab', { slab: dataName })
    await writer.call('finishSlab', { slab: slabName })
  }

  /** Gives the finished slabs their names; says whether both are there. */
  install(layerDir: string): Promise<boolean> {
    return this.writer.call('installSlabs', {
      slabs: [
        { dir: this.dataDir, finalDir: join(layerDir, 'nodedata.lmdb') },
        { dir: this.slabDir, finalDir: join(layerDir, 'layer_v2.lmdb') },
      ],
    })
  }

  private jobs(withNodedata: boolean, unitBytes: number | undefined): { jobs: MergeJob[]; dbs: BuiltDb[] } {
    const { plan, slabName, dataName } = this
    let stream = MERGE_STREAMS
    const jobs: MergeJob[] = []
    const dbs = INDEX_DBS.map((name): BuiltDb => {
      const slab = name === 'dataname' ? dataName : slabName
      const units = plan.units(name, unitBytes)
      const own = units.map((input): MergeJob => ({ slab, stream: stream++, task: 'mergeRuns', input }))
      jobs.push(...own)
      return { slab, name, dupSort: true, streams: own.map((job) => job.stream) }
    })
    const spans = withNodedata ? plan.nodedata() : []
    const dataStreams: number[] = []
    for (let at = 0; at < spans.length; at += NODEDATA_UNIT_PARTS) {
      const parts = spans.slice(at, at + NODEDATA_UNIT_PARTS)
      jobs.push({ slab: dataName, stream, task: 'copyNodedata', input: () => ({ parts }) })
      dataStreams.push(stream++)
    }
    dbs.push({ slab: dataName, name: 'nodedata', dupSort: false, streams: dataStreams })
    return { jobs, dbs }
  }

  private async runJobs(jobs: readonly MergeJob[], partitions: Pick<GroupCommit<unknown>, 'room'>): Promise<void> {
    const { key } = this.options
    const commits = new GroupCommit<MergeJob>(async (batch) => {
      const slabs = [...new Set(batch.map((job) => job.slab))]
      await Promise.all(
        slabs.map((slab) => {
          const streams = batch.filter((job) => job.slab === slab).map(({ stream }) => ({ stream }))
          return this.writer.call('commit', { slab, key, streams, withSummaries: true })
        }),
      )
    })
    const open = jobs.filter(({ stream }) => !this.done.has(stream))
    let merged = jobs.length - open.length
    this.events.merged(merged, jobs.length)
    await inTurn(open, 2 * this.pool.workers, async (job) => {
      await partitions.room()
      await commits.room()
      commits.add(job, await this.runJob(job))
      this.events.merged(++merged, jobs.length)
    })
    await commits.drain()
  }

  /** Says how many bytes the part has. */
  private async runJob({ slab, stream, task, input }: MergeJob): Promise<number> {
    const { pageBytes } = await runStream(this, { slab, stream }, task, input() as never)
    return pageBytes
  }

  private async writeSmallDbs(names: LayerNames, forms: ReadonlyMap<string, number>): Promise<void> {
    const { writer, slabName: slab } = this
    for (const [space, list] of [
      ['propabrv', names.props],
      ['tagabrv', names.tags],
      ['tagpropabrv', names.tagProps],
    ] as const) {
      await writer.call('abrvDbs', { slab, space, names: list })
    }
    const rows = [...forms].map(([form, count]): [Uint8Array, Uint8Array] => [Buffer.from(form), int64(count)])
    rows.sort(([a], [b]) => Buffer.compare(a, b))
    await writer.call('rowsDb', { slab, name: 'count:forms', dupSort: false, rows })
    for (const name of dbsFrom('nothing')) {
      await writer.call('rowsDb', { slab, name, dupSort: DEST_DBS[name].dupSort, rows: [] })
    }
  }
}

/** 8 bytes big-endian, as counters are stored. */
function int64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
