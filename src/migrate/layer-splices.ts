import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parsedRecord } from '../dest/checkpoints.js'
import { cortexPaths } from '../layout/paths.js'
import {
  SPLICES_SCHEMA,
  type SplicesCheckpoint,
  type SplicesFingerprint,
  type SplicesStream,
  splicesStream,
} from '../layout/records.js'
import type { ModelData } from '../model/model.js'
import { SlabReader } from '../page/page-reader.js'
import { slabPrint } from '../page/slab-print.js'
import { spliceRows } from '../source/source-dbs.js'
import { planStarts } from '../source/splice-ranges.js'
import { modelKey } from '../stream/worker-state.js'
import type { Credits } from '../thread/chunk-sender.js'
import { GroupCommit, inTurn } from '../thread/in-turn.js'
import type { TaskPool } from '../thread/task-pool.js'
import type { LayerWriterPort } from '../writer/layer-writer.js'
import { damagedStreams } from './check-kept.js'
import { checkpointDiffers } from './checkpoint-differs.js'
import { parsedCheckpoint } from './layer-checkpoint.js'
import type { PieceSizes } from './options.js'
import { runStream } from './stream-task.js'
import type { SpliceRangeCounts } from './tasks/splice-range.js'

export interface LayerSplicesOptions {
  readonly iden: string
  readonly srcDir: string
  readonly destDir: string
  readonly model: ModelData
  readonly fromLast: boolean
  readonly pieces: PieceSizes
}

export interface LayerSplicesEvents {
  warn(text: string): void
  info(text: string): void
  progress(done: { splices: number; totalSplices: number }): void
  /** Errors that are in the migration log for good; what it throws stops the run. */
  errors(count: number): void
}

export interface LayerSplicesResult {
  readonly splices: number
  readonly rows: number
  readonly failures: number
  readonly oldFailures: number
  readonly missing: number
  readonly lastOffset: number
  readonly wasDone: boolean
  readonly elapsedMs: number
}

interface Range {
  readonly stream: number
  readonly counts: SpliceRangeCounts
}

interface Checkpoint extends SplicesCheckpoint {
  readonly streams: readonly SplicesStream[]
}

/**
 * Makes node edits of the splices of one layer: worker threads translate ranges of the log, the writer numbers the rows
 * through and places their pages in order.
 */
export class LayerSplices {
  private readonly key: string
  private readonly slabPath: string
  private readonly buildDir: string
  private readonly done: Range[] = []
  /** The writer is ready for pages. A first run does not wait for it to read splices. */
  private begun: Promise<void> = Promise.resolve()
  private seen = 0

  constructor(
    private readonly options: LayerSplicesOptions,
    readonly pool: TaskPool,
    readonly writer: LayerWriterPort,
    readonly credits: Credits,
    private readonly events: LayerSplicesEvents,
  ) {
    const { iden, srcDir, destDir } = options
    this.key = `splices/${iden}`
    this.slabPath = cortexPaths(srcDir).layer(iden).slab('splices')
    this.buildDir = join(cortexPaths(destDir).migration.buildOf(iden), 'nodeedits.lmdb')
  }

  /** Null when the layer has no splice log; an empty log of node edits is made all the same. */
  async run(): Promise<LayerSplicesResult | null> {
    const startedMs = Date.now()
    if (!SlabReader.exists(this.slabPath)) {
      this.events.warn(`Splice slab not found for ${this.options.iden}, unable to migrate`)
      await this.writer.call('build', { slab: this.key, dir: this.buildDir })
      await this.finishSlab([])
      await this.install()
      return null
    }
    const slab = SlabReader.open(this.slabPath)
    try {
      const db = spliceRows(slab)
      const total = db?.entries ?? 0
      const lastKey = db?.last()?.key
      const lastOffset = lastKey?.length === 8 ? Number(Buffer.from(lastKey).readBigUInt64BE()) : -1
      this.events.info(`Found ${total.toLocaleString('en-US')} splices to migrate for ${this.options.iden}`)
      const fingerprint: SplicesFingerprint = {
        schema: SPLICES_SCHEMA,
        layer: this.options.iden,
        slabs: { splices: slabPrint(this.slabPath) },
        model: modelKey(this.options.model),
      }
      const checkpoint = this.options.fromLast ? await this.loadCheckpoint(fingerprint) : null
      if (checkpoint?.isBuilt) {
        this.done.push(...checkpoint.streams)
        this.events.errors(failuresOf(checkpoint.streams))
        return this.result(startedMs, lastOffset, true)
      }
      const starts = checkpoint?.starts ?? planStarts(db, slab.pageSize, this.options.pieces.rangeBytes)
      this.begun = this.begin(checkpoint, { fingerprint, starts })
      this.begun.catch(() => {})
      if (checkpoint !== null) await this.begun
      await this.extractAll(starts, total)
      slab.assertUnchanged()
      this.checkCounts(slab, total)
      await this.finishSlab(this.done.map(({ stream }) => stream))
      const built = { fingerprint, starts, isBuilt: true }
      await this.writer.call('putBuilt', { key: this.key, checkpoint: built, streams: this.done })
      await this.install()
      return this.result(startedMs, lastOffset, false)
    } finally {
      slab.close()
    }
  }

  private async loadCheckpoint(fingerprint: SplicesFingerprint): Promise<Checkpoint | null> {
    const stored = await this.writer.call('checkpoint', { key: this.key })
    if (stored === null) {
      this.events.warn('Migration restart specified but no splice checkpoint found; restarting from 0')
      return null
    }
    const streams = stored.streams.map((stream) => parsedRecord(splicesStream, this.key, stream))
    const found = { ...parsedCheckpoint('splices', this.key, stored.head), streams }
    checkpointDiffers(this.options.iden, found.fingerprint, fingerprint)
    const isThere = found.isBuilt ? await this.install() : existsSync(join(this.buildDir, 'data.mdb'))
    if (!isThere) {
      this.events.warn(`What the splices of layer ${this.options.iden} became is gone; restarting from 0`)
      return null
    }
    const offset = (found.streams.at(-1)?.counts.lastOffset ?? -1) + 1
    this.events.info(`Found splice migration checkpoint for ${this.options.iden} at offset ${offset}`)
    return found
  }

  private async begin(checkpoint: Checkpoint | null, head: Pick<Checkpoint, 'fingerprint' | 'starts'>): Promise<void> {
    const { key, writer, buildDir: dir } = this
    if (checkpoint === null) {
      await writer.call('dropCheckpoint', { key })
      await writer.call('build', { slab: key, dir })
      await writer.call('putCheckpoint', { key, checkpoint: { ...head, isBuilt: false } })
      return
    }
    const { streams } = checkpoint
    const states = streams.flatMap(({ state }) => (state === undefined ? [] : [state]))
    const damaged = await damagedStreams({ slabs: new Map([[dir, states]]), runs: [] }, this.pool)
    // Rows are numbered through: what follows a range that is made again is made again too.
    const first = streams.findIndex(({ stream }) => damaged.has(stream))
    const kept = first < 0 ? streams : streams.slice(0, first)
    const dropped = streams.slice(kept.length).map(({ stream }) => stream)
    if (first >= 0) {
      const parts = `${dropped.length} of ${streams.length} ranges of splices of layer ${this.options.iden}`
      this.events.warn(`Making ${parts} again: their pages changed on disk since an earlier run wrote them`)
    }
    await writer.call('resume', { slab: key, dir, key, runPaths: [], dropped })
    this.done.push(...kept.map(({ stream, counts }) => ({ stream, counts })))
    this.events.errors(failuresOf(this.done))
    this.seen = this.done.reduce((sum, { counts }) => sum + counts.translated + counts.failures, 0)
  }

  private async extractAll(starts: readonly number[], total: number): Promise<void> {
    const finished = new Map<number, { range: Range; bytes: number }>()
    const commits = new GroupCommit<Range>(async (batch) => {
      await this.writer.call('commit', { slab: this.key, key: this.key, streams: batch, withSummaries: true })
      this.done.push(...batch)
      this.events.errors(failuresOf(batch))
    })
    this.events.progress({ splices: this.seen, totalSplices: total })
    let next = this.done.length
    const open = starts.map((_, index) => index).slice(next)
    await inTurn(open, 2 * this.pool.workers, async (index) => {
      await commits.room()
      const { counts, bytes } = await this.extract(index, starts[index], starts[index + 1] ?? null)
      this.seen += counts.translated + counts.failures
      this.events.progress({ splices: this.seen, totalSplices: total })
      finished.set(index, { range: { stream: index, counts }, bytes })
      // A checkpoint vouches for an unbroken prefix: rows are numbered through.
      for (let first = finished.get(next); first !== undefined; first = finished.get(++next)) {
        commits.add(first.range, first.bytes)
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
    const place = { slab: this.key, stream, previous, ready: this.begun }
    const input = { layer: iden, slabPath: this.slabPath, start, end, model }
    const { result: counts, pageBytes } = await runStream(this, place, 'extractSpliceRange', input)
    for (const message of counts.messages) this.events.warn(message)
    return { counts, bytes: pageBytes }
  }

  private async finishSlab(streams: number[]): Promise<void> {
    await this.writer.call('finishDb', { slab: this.key, name: 'nodeedits', dupSort: false, streams })
    await this.writer.call('finishSlab', { slab: this.key })
  }

  private install(): Promise<boolean> {
    const finalDir = cortexPaths(this.options.destDir).layer(this.options.iden).slab('nodeedits')
    return this.writer.call('installSlabs', { slabs: [{ dir: this.buildDir, finalDir }] })
  }

  private checkCounts(slab: SlabReader, total: number): void {
    const read = this.done.reduce((sum, { counts }) => sum + counts.translated + counts.failures, 0)
    if (read !== total) throw slab.corrupt(`${read} splices were read of ${total}`)
  }

  private result(startedMs: number, lastOffset: number, wasDone: boolean): LayerSplicesResult {
    const total = (pick: (counts: SpliceRangeCounts) => number) =>
      this.done.reduce((sum, { counts }) => sum + pick(counts), 0)
    return {
      splices: total((counts) => counts.translated + counts.failures),
      rows: total((counts) => counts.rows),
      failures: total((counts) => counts.failures),
      oldFailures: total((counts) => counts.oldFailures),
      missing: total((counts) => counts.missing),
      lastOffset,
      wasDone,
      elapsedMs: Date.now() - startedMs,
    }
  }
}

function failuresOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { counts }) => sum + counts.failures, 0)
}
