import { LinkDown } from '../../telepath/errors.js'
import type { Anchor, RawSplice, RemoteLayer } from '../api.js'
import { END, Stopped, untilStopped } from '../clock.js'
import { type Deferred, deferred } from './deferred.js'
import { EditPusher } from './edit-pusher.js'
import { keepOpen, LayerFailure } from './keep-open.js'
import type { LayerCounters } from './layer-counters.js'
import type { LayerLedger } from './layer-ledger.js'
import type { LayerParts } from './layer-parts.js'
import { type Batch, LayerPipe } from './layer-pipe.js'
import { BLIND_MS, COMMIT_MS } from './marks.js'
import { type RetryResult, retryRecorded } from './retry.js'
import { digestOf } from './splice-facts.js'

/** How often we ask the destination how long its log of node edits is. */
const MARK_MS = 250

/** What the pusher shares with the other tasks of its layer. */
export interface PusherParts {
  readonly layer: LayerParts
  readonly pipe: LayerPipe
  readonly ledger: LayerLedger
  readonly counters: LayerCounters
  /** Stops it between two pushes, or at once. */
  readonly soft: AbortSignal
  readonly hard: AbortSignal
  /** Called when the pipe was set back. */
  readonly goneBack: () => void
}

/**
 * Pushes translated edits, one push at a time. Goes back when the destination has lost edits that it had acknowledged.
 */
export class LayerPusher {
  private readonly parts: PusherParts
  private readonly edits: EditPusher
  /** The splice before `frontier.pushed`, if something was pushed in this run. */
  private pushedSplice: RawSplice | null = null
  /** The number of the destination's connection at the last push, and when that connection ended. */
  private connection = 0
  private lostAt = 0
  /** When we first compared the destination's log in this run. */
  private comparedAt: number | null = null
  /** When we last asked for a row of that log during pushes. */
  private learntAt = Number.NEGATIVE_INFINITY
  private retryWanted: Deferred<RetryResult> | null = null
  /** Why we cannot write to the destination now, one sentence. */
  trouble: string | null = 'The destination was not compared yet'

  /** `retry` applies the recorded errors first. */
  constructor(parts: PusherParts, retry: boolean) {
    this.parts = parts
    this.edits = new EditPusher(parts.layer.iden, () => parts.layer.dest.model)
    if (retry) this.retryWanted = deferred()
  }

  /** Whether we have compared the destination's log in this run. */
  get isCompared(): boolean {
    return this.comparedAt !== null
  }

  run(): Promise<never> {
    const { layer, hard } = this.parts
    return keepOpen(layer, hard, {
      open: () => layer.dest.openLayer(layer.iden),
      work: (remote, link, worked) => this.work(remote, link, worked),
      failed: (message) => {
        const trouble = `The destination cannot be written to now: ${message}`
        if (trouble !== this.trouble) layer.log.warn(`Layer ${layer.iden}: ${trouble}`)
        this.trouble = trouble
      },
    })
  }

  /** Applies the recorded errors again between two pushes. */
  retry(): Promise<RetryResult> {
    this.retryWanted ??= deferred()
    this.parts.pipe.translated.notify()
    return this.retryWanted.promise
  }

  /** Tells callers that wait for a retry that there will be none. */
  ended(error: Error): void {
    this.retryWanted?.reject(error)
    this.retryWanted = null
  }

  private async work(remote: RemoteLayer, link: AbortSignal, worked: () => void): Promise<void> {
    const { layer, pipe, counters, soft } = this.parts
    link.addEventListener('abort', () => pipe.translated.notify())
    await layer.dest.ready(soft)
    await this.rewind(remote)
    counters.connectedAt = layer.clock.now()
    this.trouble = null
    try {
      await this.pushReady(remote, link, worked)
    } finally {
      this.lostAt = layer.clock.elapsed()
    }
  }

  private async pushReady(remote: RemoteLayer, link: AbortSignal, worked: () => void): Promise<void> {
    const { layer, pipe, soft } = this.parts
    for (;;) {
      if (soft.aborted) throw new Stopped()
      if (this.retryWanted !== null) {
        const result = await retryRecorded({ ...this.parts, frontier: pipe.frontier, pusher: this.edits }, remote)
        this.retryWanted?.resolve(result)
        this.retryWanted = null
      }
      const { last } = pipe.marks
      const isNew = last.offset !== pipe.frontier.pushed
      if (isNew && (pipe.ready.length === 0 || layer.clock.elapsed() - last.at >= MARK_MS)) await this.mark(remote)
      pipe.batch ??= pipe.takeBatch()
      if (pipe.batch === null) {
        await this.waitForTranslated(remote)
        if (link.aborted) throw new LinkDown('the connection was closed')
        continue
      }
      const errors = await this.edits.push(remote, pipe.batch.items)
      worked()
      const { batch } = pipe
      this.acknowledge(batch, this.parts.ledger.enter(batch, errors, pipe.frontier.settled))
      pipe.batch = null
    }
  }

  /** @throws {LayerFailure} when the error limit is reached */
  private acknowledge(batch: Batch, { endOffset, limit }: { endOffset: number; limit: Error | null }): void {
    const { layer, pipe, counters } = this.parts
    counters.pushed += endOffset - batch.offset
    pipe.frontier.pushed = endOffset
    this.pushedSplice = LayerPipe.lastSplice(batch, endOffset)
    counters.rate.add(layer.clock.elapsed(), counters.pushed)
    pipe.done(batch)
    if (limit !== null) throw limit
  }

  private async waitForTranslated(remote: RemoteLayer): Promise<void> {
    const { layer, pipe, soft } = this.parts
    const more = untilStopped(pipe.translated.wait(), soft)
    if (pipe.frontier.settled === pipe.frontier.pushed) return more
    const timer = new AbortController()
    let isMore = false
    const watched = more.finally(() => {
      isMore = true
      timer.abort(END)
    })
    await Promise.race([watched, layer.clock.sleep(COMMIT_MS, timer.signal)])
    if (!isMore) await this.mark(remote, true)
  }

  /** Asks how long the destination's log is, and stores durably how much we need not push again after a restart. */
  private async mark(remote: RemoteLayer, isIdle = false): Promise<void> {
    const { layer, pipe } = this.parts
    const { frontier, marks } = pipe
    const at = layer.clock.elapsed()
    const { pushed: offset } = frontier
    const splice = this.pushedSplice
    const digest = splice === null ? (marks.digestAt(offset) ?? null) : digestOf(splice)
    const index = await remote.editIndex()
    // A layer with its log switched off always says 0. So may one that no push has changed yet.
    marks.add(at, { offset, digest, index: index === 0 ? null : index })
    if (marks.settled.offset === frontier.settled) return
    // Reading one row costs a connection.
    if (isIdle || at - this.learntAt >= COMMIT_MS) {
      this.learntAt = at
      await this.learnRow(remote, marks.settled.index)
    }
    this.settle(marks.settled.offset)
  }

  /** Returns whether there was a row to learn. */
  private async learnRow(remote: RemoteLayer, index: number | null): Promise<boolean> {
    const row = index === null ? null : await this.rowAt(remote, index)
    if (row !== null) this.parts.pipe.marks.learnRow(index as number, row)
    return row !== null
  }

  /** A digest of the row, with the destination's version: another version may show the same row differently. */
  private async rowAt(remote: RemoteLayer, index: number): Promise<string | null> {
    const digest = await remote.editDigest(index)
    return digest === null ? null : `${this.destVersion} ${digest}`
  }

  /** Whether we know its row as this version of the destination shows it. */
  private isShown({ row }: Anchor): boolean {
    return row?.startsWith(`${this.destVersion} `) === true
  }

  private get destVersion(): string {
    return (this.parts.layer.dest.version ?? []).join('.')
  }

  private settle(offset: number): void {
    const { layer, pipe, ledger } = this.parts
    pipe.frontier.settled = offset
    ledger.write(layer.store.setAnchors(layer.iden, pipe.marks.anchorsUpTo(offset)))
    ledger.write(layer.store.advance(layer.iden, pipe.frontier.pushed, [], offset))
  }

  /** Pushes again what a destination lost that was restarted, or restored from a backup. */
  private async rewind(remote: RemoteLayer): Promise<void> {
    const { layer, pipe, ledger } = this.parts
    const { dest, store, log, iden } = layer
    const { frontier, marks } = pipe
    const { connection } = dest
    const isStart = this.connection === 0
    const index = await remote.editIndex()
    if (index !== null) await this.checkRows(remote, index)
    const isShort = index !== null && marks.last.index !== null && index < marks.last.index
    // The layer may already be open in a new process, while the other connection still waits for the old one.
    if (this.connection === connection && dest.connection === connection && !isShort) return
    // What earlier runs left was settled. But a run that was killed may have pushed more, which the destination had not
    // committed.
    const isBottomCommitted = isStart || marks.isBottomOld || this.lostAt - (this.comparedAt ?? this.lostAt) > BLIND_MS
    const offset = marks.rewind(index, isStart ? Number.POSITIVE_INFINITY : this.lostAt, isBottomCommitted)
    if (offset === null) {
      throw new LayerFailure(
        'ERR_DEST',
        `The destination has lost edits of layer ${iden} from before the sync was started: its log of edits ends at ${index}`,
        { hint: 'It was put back to a state older than the migration, or is another Cortex: migrate again' },
      )
    }
    if (isStart && marks.last.offset === offset) marks.learn(offset, { index })
    const { pushed } = frontier
    if (offset < pushed) {
      log.info(
        `Layer ${iden}: goes back from offset ${pushed} to ${offset}, as the destination may have lost what is between`,
      )
      pipe.goTo(offset)
      this.pushedSplice = null
      if (offset < frontier.settled) this.settle(offset)
      this.parts.goneBack()
    }
    // Only after going back: if the connection is lost while we wait, the marks alone would show nothing missing.
    const isLearnt = index !== null && !this.isShown(marks.last) && (await this.learnRow(remote, marks.last.index))
    if (isLearnt) ledger.write(store.setAnchors(iden, marks.anchorsUpTo(frontier.settled)))
    // Only now: if the connection is lost during the check, the check starts again.
    this.connection = connection
    this.comparedAt ??= layer.clock.elapsed()
    pipe.destChecked.resolve()
  }

  /**
   * Checks that the destination's log, as far as it goes, is the one that we wrote to. One that was restored from an
   * older backup and then grew has other edits.
   *
   * @throws {LayerFailure} ERR_DEST
   */
  private async checkRows(remote: RemoteLayer, index: number): Promise<void> {
    const { iden } = this.parts.layer
    const known = this.parts.pipe.marks.withRow(index).filter((anchor) => this.isShown(anchor))
    for (const [i, anchor] of known.entries()) {
      if ((await this.rowAt(remote, anchor.index as number)) !== anchor.row) continue
      if (i === 0) return
      throw otherLog(iden, known[0].offset, anchor.offset)
    }
    if (known.length > 0) throw otherLog(iden, known[0].offset, null)
  }
}

function otherLog(iden: string, offset: number, same: number | null): LayerFailure {
  const where = same === null ? '' : ` (up to offset ${same} it does)`
  return new LayerFailure(
    'ERR_DEST',
    `The destination's log of edits of layer ${iden} no longer holds what was written up to offset ${offset}${where}: it was put back to an older backup, and others have changed it since`,
    {
      hint: 'It has changes that the source has not: put it back to a backup that only the sync has written to and start from last, or migrate again',
    },
  )
}
