import { join } from 'node:path'
import { cortexPaths } from '../layout/paths.js'
import type { SplicesCheckpoint, SplicesStream } from '../layout/records.js'
import { SlabReader } from '../page/page-reader.js'
import { spliceRows } from '../source/source-dbs.js'
import { planStarts } from '../source/splice-ranges.js'
import { count } from '../text/table.js'
import { type BuiltDb, type JobEvents, LayerJob, type Noted, type Saved } from './layer-job.js'
import { type Share, splicesFingerprint } from './layer-plan.js'
import type { LayerInput } from './layer-step.js'
import type { StreamThreads } from './stream-task.js'
import type { SpliceRangeCounts } from './tasks/splice-range.js'

export interface LayerSplicesEvents extends JobEvents {
  progress(done: { splices: number; totalSplices: number }): void
}

export interface LayerSplicesResult {
  readonly splices: number
  readonly rows: number
  readonly failures: number
  readonly oldFailures: number
  readonly renamed: number
  readonly missing: number
  readonly lastOffset: number
}

interface Range {
  readonly stream: number
  readonly counts: SpliceRangeCounts
}

/**
 * Turns the splices of one layer into node edits. Worker threads translate ranges of the log; the writer numbers the
 * rows in sequence and places their pages in order.
 */
export class LayerSplices {
  /** The name of the slab of node edits at the writer. */
  private readonly slab: string
  private readonly slabPath: string
  private readonly done: Range[] = []
  private readonly job: LayerJob<'splices'>
  /** Resolves when the writer is ready for pages. A first run reads splices without waiting for it. */
  private ready: Promise<void> = Promise.resolve()
  private seen = 0

  constructor(
    private readonly options: LayerInput,
    threads: StreamThreads,
    private readonly events: LayerSplicesEvents,
  ) {
    const { iden, srcDir, destDir, fromLast, made } = options
    const dest = cortexPaths(destDir)
    this.slab = `splices/${iden}`
    this.slabPath = cortexPaths(srcDir).layer(iden).slab('splices')
    const dir = join(dest.migration.buildOf(iden), 'nodeedits.lmdb')
    const kind = {
      step: 'splices',
      iden,
      slabs: [{ slab: this.slab, dir, finalDir: dest.layer(iden).slab('nodeedits') }],
      fromLast,
      noted: ({ stream, counts }: SplicesStream): Noted => ({
        stream,
        errors: counts.failures,
        partition: null,
        run: null,
      }),
      runsOf: () => [],
      keep: beforeDamage,
      startsOver: (head: SplicesCheckpoint) => {
        const isOther = made !== null && !head.isBuilt && head.starts.join() !== made.plan.starts.join()
        return isOther ? `The splices of layer ${iden} were started with other parts; restarting from 0` : null
      },
      texts: {
        noCheckpoint:
          made === null ? 'Migration restart specified but no splice checkpoint found; restarting from 0' : null,
        gone: `The node edits of layer ${iden} are gone; restarting from 0`,
        again: (some: string) =>
          `Redoing ${some} ranges of splices of layer ${iden}: their pages changed on disk since an earlier run wrote them`,
      },
    } as const
    this.job = new LayerJob(kind, threads, events)
  }

  /** Null when the layer has no splice log; makes an empty log of node edits even then. */
  async run(): Promise<LayerSplicesResult | null> {
    if (!SlabReader.exists(this.slabPath)) {
      this.events.warn(`Splice slab not found for ${this.options.iden}, unable to migrate`)
      await this.job.completeEmpty([this.db([])])
      return null
    }
    const slab = SlabReader.open(this.slabPath)
    try {
      const db = spliceRows(slab)
      const total = db?.entries ?? 0
      const lastKey = db?.last()?.key
      const lastOffset = lastKey?.length === 8 ? Number(Buffer.from(lastKey).readBigUInt64BE()) : -1
      this.events.info(`Found ${count(total)} splices to migrate for ${this.options.iden}`)
      const fingerprint = splicesFingerprint(this.options)
      const saved = await this.job.load(fingerprint)
      if (saved !== null) {
        for await (const { stream, counts } of saved.notes()) this.done.push({ stream, counts })
        this.tellSaved()
      }
      if (saved?.head.isBuilt) {
        this.events.progress({ splices: total, totalSplices: total })
        return this.result(lastOffset)
      }
      const { made, pieces } = this.options
      const starts = saved?.head.starts ?? made?.plan.starts ?? planStarts(db, slab.pageSize, pieces.rangeBytes)
      const head = { fingerprint, starts, isBuilt: false }
      await this.begin(saved, head)
      await this.extractAll(starts, total)
      slab.assertUnchanged()
      this.checkCounts(slab, total)
      await this.job.finishSlabs([this.db(this.done.map(({ stream }) => stream))])
      await this.job.complete(head, this.done)
      return this.result(lastOffset)
    } finally {
      slab.close()
    }
  }

  /** Translates a share of the ranges, for a part of the layer. */
  async extractShare(starts: readonly number[], share: Share): Promise<void> {
    const slab = SlabReader.open(this.slabPath)
    try {
      await this.extractAll(starts, spliceRows(slab)?.entries ?? 0, share)
      slab.assertUnchanged()
    } finally {
      slab.close()
    }
  }

  private tellSaved(): void {
    const offset = (this.done.at(-1)?.counts.lastOffset ?? -1) + 1
    this.events.info(`Found splice migration checkpoint for ${this.options.iden} at offset ${offset}`)
  }

  private async begin(saved: Saved<'splices'> | null, head: SplicesCheckpoint): Promise<void> {
    const { kept, ready } = await this.job.begin(saved, head)
    this.ready = ready
    if (saved !== null) await ready
    // Those of before the first damaged one.
    this.done.length = kept.length
    this.seen = this.done.reduce((sum, { counts }) => sum + counts.translated + counts.failures, 0)
  }

  private async extractAll(starts: readonly number[], total: number, share?: Share): Promise<void> {
    const finished = new Map<number, { range: Range; bytes: number }>()
    const commits = this.job.commits((ranges) => this.done.push(...ranges))
    this.events.progress({ splices: this.seen, totalSplices: total })
    let next = share?.first ?? this.done.length
    const open = starts.map((_, index) => index).slice(next, share?.end)
    await this.job.each(open, [commits], async (index) => {
      const { counts, bytes } = await this.extract(index, starts[index], starts[index + 1] ?? null)
      this.seen += counts.translated + counts.failures
      this.events.progress({ splices: this.seen, totalSplices: total })
      finished.set(index, { range: { stream: index, counts }, bytes })
      // A checkpoint can only vouch for an unbroken prefix, because rows are numbered in sequence.
      for (let first = finished.get(next); first !== undefined; first = finished.get(++next)) {
        commits.add({ slab: this.slab, stream: first.range }, first.bytes)
        finished.delete(next)
      }
    })
    await commits.drain()
  }

  private async extract(
    stream: number,
    start: number,
    end: number | null,
  ): Promise<{ counts: SpliceRangeCounts; bytes: number }> {
    const previous = stream === 0 ? null : stream - 1
    const { iden, model } = this.options
    const place = { slab: this.slab, stream, previous, ready: this.ready }
    const input = { layer: iden, slabPath: this.slabPath, start, end, model }
    const { result: counts, pageBytes } = await this.job.stream(place, 'extractSpliceRange', input)
    for (const message of counts.messages) this.events.warn(message)
    return { counts, bytes: pageBytes }
  }

  private db(streams: readonly number[]): BuiltDb {
    return { slab: this.slab, name: 'nodeedits', dupSort: false, streams }
  }

  private checkCounts(slab: SlabReader, total: number): void {
    const read = this.done.reduce((sum, { counts }) => sum + counts.translated + counts.failures, 0)
    if (read !== total) throw slab.corrupt(`${read} splices were read of ${total}`)
  }

  private result(lastOffset: number): LayerSplicesResult {
    const total = (pick: (counts: SpliceRangeCounts) => number) =>
      this.done.reduce((sum, { counts }) => sum + pick(counts), 0)
    return {
      splices: total((counts) => counts.translated + counts.failures),
      rows: total((counts) => counts.rows),
      failures: total((counts) => counts.failures),
      oldFailures: total((counts) => counts.oldFailures),
      renamed: total((counts) => counts.renamed),
      missing: total((counts) => counts.missing),
      lastOffset,
    }
  }
}

/** Rows are numbered in sequence, so everything after a range that is made again is made again too. */
function beforeDamage(streams: readonly Noted[], damaged: ReadonlySet<number>): readonly Noted[] {
  const first = streams.findIndex(({ stream }) => damaged.has(stream))
  return first < 0 ? streams : streams.slice(0, first)
}
