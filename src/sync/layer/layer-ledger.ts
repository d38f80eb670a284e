import type { SyncError } from '../api.js'
import { LayerFailure } from './keep-open.js'
import type { LayerParts } from './layer-parts.js'
import type { Batch } from './layer-pipe.js'

/** The result of a push: the offset after what is done, and why the layer must stop, if it must. */
export interface Entry {
  readonly endOffset: number
  readonly limit: Error | null
}

/** The durable state of one layer from one start on: offsets, error records and their limit. */
export class LayerLedger {
  private readonly parts: LayerParts
  private readonly broken: (error: Error) => void
  /** Offsets of the error records. */
  private readonly open: Set<number>
  private readonly failedSinceStart = new Set<number>()
  private errorsSinceStart = 0
  private lastWrite: Promise<void> = Promise.resolve()

  /** Calls `broken` when it cannot write the state. */
  constructor(parts: LayerParts, broken: (error: Error) => void) {
    this.parts = parts
    this.broken = broken
    this.open = new Set([...parts.store.errors(parts.iden)].map((error) => error.offset))
  }

  isOpen(offset: number): boolean {
    return this.open.has(offset)
  }

  /** Records an answered push, up to the error that reaches the limit. */
  enter(batch: Batch, errors: readonly SyncError[], settledOffset: number): Entry {
    const { store, config, log, iden } = this.parts
    const most = config.errLim === -1 ? Number.POSITIVE_INFINITY : config.errLim - this.errorsSinceStart
    // A splice that fails again after a rewind is not a new error.
    let fresh = 0
    const last = errors.findIndex(({ offset }) => !this.failedSinceStart.has(offset) && ++fresh >= most)
    const isOver = last >= 0
    const recorded = isOver ? errors.slice(0, last + 1) : errors
    for (const { offset } of recorded) this.failedSinceStart.add(offset)
    const endOffset = isOver ? recorded[recorded.length - 1].offset : batch.endOffset
    for (const { offset, message } of recorded) log.warn(`Layer ${iden}: offset ${offset}: ${message}`)
    this.write(store.advance(iden, endOffset, recorded, settledOffset))
    this.forgetCured(batch.offset, endOffset, recorded)
    this.errorsSinceStart += fresh
    if (!isOver) return { endOffset, limit: null }
    this.write(store.setHalted(iden))
    const limit = new LayerFailure(
      'ERR_ERROR_BUDGET',
      `Error limit reached: ${this.errorsSinceStart} splices of layer ${iden} could not be applied, the last at offset ${endOffset}: cure the cause or raise err_lim, then start from last`,
    )
    return { endOffset, limit }
  }

  /** Removes the record of a splice that has now been applied. */
  remove(offset: number): void {
    this.open.delete(offset)
    this.write(this.parts.store.removeError(this.parts.iden, offset))
  }

  /** A failed write ends the layer. */
  write(written: Promise<void>): void {
    this.lastWrite = written.catch((error) => {
      const message = `Cannot store the state of the sync: ${(error as Error).message}`
      this.broken(new Error(message))
      this.parts.log.error(`Layer ${this.parts.iden}: ${message}`, error)
    })
  }

  /** Resolves when everything so far is durable, or has failed. */
  written(): Promise<void> {
    return this.lastWrite
  }

  /** Removes the records of splices that succeeded this time. */
  private forgetCured(offset: number, endOffset: number, recorded: readonly SyncError[]): void {
    if (this.open.size === 0 && recorded.length === 0) return
    const failed = new Set(recorded.map((error) => error.offset))
    for (const open of [...this.open]) {
      if (open >= offset && open < endOffset && !failed.has(open)) this.remove(open)
    }
    for (const open of failed) this.open.add(open)
  }
}
