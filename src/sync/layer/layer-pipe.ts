import type { RawSplice } from '../api.js'
import { Signal } from '../clock.js'
import type { DictModel } from '../dict-model.js'
import { type Deferred, deferred } from './deferred.js'
import { Frontier } from './frontier.js'
import type { Marks } from './marks.js'
import { SpliceQueue } from './splice-queue.js'
import { sameBytes, type Translated, Translation } from './translation.js'

/** Node edits and bytes of one push; a push that fails is repeated one by one. */
const MOST_EDITS = 1_000
const MOST_BYTES = 1 << 20
/** Translated pieces that wait for their push. */
const MOST_READY = 4_000

/** Node edits of equal meta that go in one push, and the failures among them. */
export interface Batch {
  readonly items: readonly Translated[]
  readonly offset: number
  readonly endOffset: number
}

/** What is on its way from the reader over the translator to the pusher of a layer, and how they wake each other. */
export class LayerPipe {
  readonly frontier: Frontier
  readonly marks: Marks
  /** Resolved when the pusher has seen that the destination still has what was settled, or has gone back. */
  readonly destChecked: Deferred<void> = deferred()
  /** Read and not translated, from `frontier.translated` on. */
  queue = new SpliceQueue()
  translation: Translation
  ready: Translated[] = []
  /** Being pushed. */
  batch: Batch | null = null
  readonly arrived = new Signal()
  readonly translated = new Signal()
  readonly acknowledged = new Signal()
  readonly #model: () => DictModel

  constructor(offset: number, marks: Marks, model: () => DictModel) {
    this.marks = marks
    this.#model = model
    this.frontier = new Frontier(offset)
    this.translation = this.#translation(offset)
  }

  get isFull(): boolean {
    return this.ready.length >= MOST_READY
  }

  /** Forgets everything on its way and begins at an offset. */
  goTo(offset: number): void {
    this.frontier.goTo(offset)
    this.queue = new SpliceQueue()
    this.translation = this.#translation(offset)
    this.ready = []
    this.batch = null
    this.acknowledged.notify()
  }

  /** Takes the next pieces of equal meta for a push. */
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

  /** The splice in front of an offset of a batch, where it can be told. */
  static lastSplice({ items }: Batch, endOffset: number): RawSplice | null {
    const offset = endOffset - 1
    const item = items.find((each) => each.offset <= offset && offset < each.endOffset)
    if (item === undefined) return null
    const found =
      item.splices.find((each) => each.offset === offset) ?? item.failures.find((each) => each.offset === offset)
    return found?.splice ?? null
  }

  #translation(offset: number): Translation {
    return new Translation(this.#model, offset, (translated) => {
      this.ready.push(translated)
      this.translated.notify()
    })
  }
}
