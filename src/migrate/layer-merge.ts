import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { MigrationError } from '../errors.js'
import { DEST_DBS, dbsFrom, INDEX_DBS } from '../layout/dest-dbs.js'
import { longUnitBytes, MergePlan } from '../run/merge-plan.js'
import type { RunNames } from '../run/name-union.js'
import { readRunFooter } from '../run/run-footer.js'
import type { GroupCommit } from '../thread/in-turn.js'
import type { BuiltDb, JobSlab, LayerJob } from './layer-job.js'
import type { Share } from './layer-plan.js'

/** Numbers from here on are for streams of merges. Those of partitions start at 0, with a new number for each try. */
export const MERGE_STREAMS = 2 ** 24
const NODEDATA_UNIT_PARTS = 16

export interface LayerMergeEvents {
  /** How many parts of the index databases are merged, and how many there are. */
  merged(done: number, total: number): void
}

/** A task of the merge. Its pages are a stream of their own. */
interface MergePart {
  readonly slab: string
  readonly stream: number
  readonly task: 'mergeRuns' | 'copyNodedata'
  /** Made just before the task runs: all inputs together would grow with the layer. */
  readonly input: () => object
}

/**
 * The slabs of a layer's nodes. The slab of the nodes themselves comes last, because it makes the directory a layer.
 */
export function nodeSlabs(iden: string, buildDir: string, layerDir: string): readonly [data: JobSlab, nodes: JobSlab] {
  const slab = (name: string): JobSlab => ({
    slab: `${iden}/${name}`,
    dir: join(buildDir, `${name}.lmdb`),
    finalDir: join(layerDir, `${name}.lmdb`),
  })
  return [slab('nodedata'), slab('layer_v2')]
}

/**
 * Makes the slabs of a layer from its partitions: worker threads merge the sorted rows of all runs into finished pages,
 * part by part, and the checkpoint records each part. The same runs always give the same parts.
 */
export class LayerMerge {
  private readonly plan = new MergePlan()

  constructor(
    private readonly iden: string,
    private readonly slabs: readonly [data: JobSlab, nodes: JobSlab],
    /** Its checkpoint also records finished parts of the merge. */
    private readonly job: LayerJob<'nodes'>,
    private readonly events: LayerMergeEvents,
  ) {}

  /** Adds the runs of a file to the plan. `partition` is that of the first one. */
  add(partition: number, runPath: string): void {
    const footer = readRunFooter(runPath)
    if (footer === null) {
      throw new MigrationError('ERR_DEST', `Cannot merge layer "${this.iden}": ${runPath} is gone`)
    }
    this.plan.add(partition, runPath, footer)
  }

  /**
   * Merges all partitions and completes both slabs in their build directories.
   *
   * @param args.bybuid streams of the tasks that translated partitions, in order
   * @param args.made streams of an earlier run that need not be made again
   * @param args.forms node counts by form
   * @param args.runs merged runs, in order: they are long, so each task takes more of them; null for the runs that were
   *   added
   * @param args.unitBytes bytes per task; the default if undefined
   * @param args.partitions commits of the last partitions, which need not be finished: translating a partition again
   *   gives the same run, and so the same parts
   */
  async run(args: {
    bybuid: readonly number[]
    made: ReadonlySet<number>
    forms: ReadonlyMap<string, number>
    withNodedata: boolean
    runs: readonly string[] | null
    unitBytes: number | undefined
    partitions: Pick<GroupCommit<unknown>, 'room' | 'drain'>
  }): Promise<void> {
    const { parts, dbs } = await this.planned(args)
    await this.makeParts(parts, args.made, args.partitions)
    await args.partitions.drain()
    const bybuid: BuiltDb = { slab: this.slabs[1].slab, name: 'bybuid', dupSort: false, streams: args.bybuid }
    await this.job.finishSlabs([bybuid, ...dbs], () => this.writeSmallDbs(this.plan.names(), args.forms))
  }

  /** Makes the pages of a share of the merge. Returns which these are. */
  async runShare(
    args: { withNodedata: boolean; runs: readonly string[]; unitBytes: number | undefined },
    shareOf: (units: number) => Share,
  ): Promise<Share> {
    const { parts } = await this.planned(args)
    const share = shareOf(parts.length)
    await this.makeParts(parts.slice(share.first, share.end), new Set(), { room: async () => {} })
    return share
  }

  private async planned(args: {
    withNodedata: boolean
    runs: readonly string[] | null
    unitBytes: number | undefined
  }): Promise<{ parts: MergePart[]; dbs: BuiltDb[] }> {
    const { runs } = args
    for (const [index, path] of runs?.entries() ?? []) {
      this.add(index, path)
      await setImmediate()
    }
    const unitBytes = args.unitBytes ?? (runs === null ? undefined : longUnitBytes(runs.length))
    return this.parts(args.withNodedata, unitBytes, runs === null ? NODEDATA_UNIT_PARTS : 1)
  }

  private parts(
    withNodedata: boolean,
    unitBytes: number | undefined,
    dataParts: number,
  ): { parts: MergePart[]; dbs: BuiltDb[] } {
    const { plan } = this
    const [{ slab: dataName }, { slab: slabName }] = this.slabs
    let stream = MERGE_STREAMS
    const parts: MergePart[] = []
    const dbs = INDEX_DBS.map((name): BuiltDb => {
      const slab = DEST_DBS[name].slab === 'nodedata' ? dataName : slabName
      const units = plan.units(name, unitBytes)
      const own = units.map((input): MergePart => ({ slab, stream: stream++, task: 'mergeRuns', input }))
      parts.push(...own)
      return { slab, name, dupSort: true, streams: own.map((part) => part.stream) }
    })
    const spans = withNodedata ? plan.nodedata() : []
    const dataStreams: number[] = []
    for (let at = 0; at < spans.length; at += dataParts) {
      const some = spans.slice(at, at + dataParts)
      parts.push({ slab: dataName, stream, task: 'copyNodedata', input: () => ({ parts: some }) })
      dataStreams.push(stream++)
    }
    dbs.push({ slab: dataName, name: 'nodedata', dupSort: false, streams: dataStreams })
    return { parts, dbs }
  }

  private async makeParts(
    parts: readonly MergePart[],
    made: ReadonlySet<number>,
    partitions: Pick<GroupCommit<unknown>, 'room'>,
  ): Promise<void> {
    const commits = this.job.commits()
    const open = parts.filter(({ stream }) => !made.has(stream))
    let merged = parts.length - open.length
    this.events.merged(merged, parts.length)
    await this.job.each(open, [partitions, commits], async ({ slab, stream, task, input }) => {
      const { pageBytes } = await this.job.stream({ slab, stream }, task, input() as never)
      commits.add({ slab, stream: { stream } }, pageBytes)
      this.events.merged(++merged, parts.length)
    })
    await commits.drain()
  }

  private async writeSmallDbs(names: RunNames, forms: ReadonlyMap<string, number>): Promise<void> {
    const { writer } = this.job.threads
    const { slab } = this.slabs[1]
    for (const [space, list] of [
      ['propabrv', names.propNames],
      ['tagabrv', names.tagNames],
      ['tagpropabrv', names.tagPropNames],
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

/** 8 bytes big-endian, the format of counters. */
function int64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
