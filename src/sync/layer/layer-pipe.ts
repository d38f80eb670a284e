import type { RawSplice } from '../api.js'
import { Signal } from '../clock.js'
import type { DictModel } from '../dict-model.js'
import type { ByteBudget } from './byte-budget.js'
import { type Deferred, deferred } from './deferred.js'
import { Frontier } from './frontier.js'
import type { Marks } from './marks.js'
import { SpliceQueue } from './splice-queue.js'
import { sameBytes, type Translated, Translation } from './translation.js'

/** How many node edits and bytes go in one push. If a push fails, its edits are pushed again one by one. */
const MOST_EDITS = 1_000
const MOST_BYTES = 1 << 20
/** How many translated pieces may wait for their push. */
const MOST_READY = 4_000

/** Node edits with the same meta for one push, and the failures among them. */
export interface Batch {
  readonly items: readonly Translated[]
  readonly offset: number
  readonly endOffset: number
}

/** What is on its way from a layer's reader through its translator to its pusher, and how they wake each other. */
export class LayerPipe {
  readonly frontier: Frontier
  readonly marks: Marks
  /** Resolves when the pusher has checked that the destination still has what was settled, or has gone back. */
  readonly destChecked: Deferred<void> = deferred()
  /** Splices not translated yet, from `frontier.translated` on. */
  queue = new SpliceQueue()
  translation: Translation
  ready: Translated[] = []
  /** Bytes of the splices on their way. Each counts twice, because its node edit is about as long. */
  bytes = 0
  /** The current push. */
  batch: Batch | null = null
  readonly arrived = new Signal()
  readonly translated = new Signal()
  readonly acknowledged = new Signal()
  private readonly budget: ByteBudget
  private readonly model: () => DictModel

  constructor(offset: number, marks: Marks, budget: ByteBudget, model: () => DictModel) {
    this.budget = budget
    this.marks = marks
    this.model = model
    this.frontier = new Frontier(offset)
    this.translation = this.translationFrom(offset)
  }

  get isFull(): boolean {
    return this.ready.length >= MOST_READY
  }

  /** Drops everything on its way and starts again at an offset. */
  goTo(offset: number): void {
    this.frontier.goTo(offset)
    this.release(this.bytes)
    this.queue = new SpliceQueue()
    this.translation = this.translationFrom(offset)
    this.ready = []
    this.batch = null
    this.acknowledged.notify()
  }

  /** Takes a splice from the reader. */
  read(splice: RawSplice): void {
    this.queue.push(splice)
    this.frontier.read++
    this.bytes += 2 * splice.length
    this.budget.take(2 * splice.length)
  }

  /** Drops what was read from an offset on. */
  truncate(offset: number): void {
    const { frontier, queue } = this
    let bytes = 0
    for (let at = offset; at < frontier.read; at++) bytes += 2 * (queue.at(at - frontier.translated)?.length ?? 0)
    queue.truncate(offset - frontier.translated)
    frontier.read = offset
    this.release(bytes)
  }

  /** Frees an acknowledged batch. */
  done({ items }: Batch): void {
    let bytes = 0
    for (const { splices, failures } of items) {
      for (const { splice } of splices) bytes += 2 * splice.length
      for (const { splice } of failures) bytes += 2 * splice.length
    }
    this.release(bytes)
    this.acknowledged.notify()
  }

  release(bytes: number): void {
    this.bytes -= bytes
    this.budget.free(bytes)
  }

  /** Takes the next pieces with the same meta for a push. */
  takeBatch(): Batch | null {
    const items: Translated[] = []
    let meta: Uint8Array | null = null
    let edits = 0
    let bytes = 0
    for (const item of this.ready) {
      if (item.nodeEdit !== null) {
        if (meta !== null && !sameBytes(meta, item.meta)) break
        meta = item.meta
        edits++
        bytes += item.nodeEdit.length
      }
      items.push(item)
      if (edits === MOST_EDITS || bytes >= MOST_BYTES || items.length === MOST_READY) break
    }
    if (items.length === 0) return null
    this.ready.splice(0, items.length)
    return { items, offset: items[0].offset, endOffset: items[items.length - 1].endOffset }
  }

  /** The splice before an offset of a batch, if it can be told. */
  static lastSplice({ items }: Batch, endOffset: number): RawSplice | null {
    const offset = endOffset - 1
    const item = items.find((each) => each.offset <= offset && offset < each.endOffset)
    if (item === undefined) return null
    const found =
      item.splices.find((each) => each.offset === offset) ?? item.failures.find((each) => each.offset === offset)
    return found?.splice ?? null
  }

  private translationFrom(offset: number): Translation {
    return new Translation(this.model, offset, (translated) => {
      this.ready.push(translated)
      this.translated.notify()
    })
  }
}
