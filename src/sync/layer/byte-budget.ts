import { Signal } from '../clock.js'

/** How many bytes of splices all layers of a service together may keep in memory. */
export class ByteBudget {
  readonly limit: number
  used = 0
  /** Notified whenever bytes are freed. */
  readonly freed = new Signal()

  constructor(limit: number) {
    this.limit = limit
  }

  get isSpent(): boolean {
    return this.used >= this.limit
  }

  take(bytes: number): void {
    this.used += bytes
  }

  free(bytes: number): void {
    this.used -= bytes
    this.freed.notify()
  }
}
