import type { RawSplice } from '../api.js'

/** Splices that were read and not yet translated, first in first out. */
export class SpliceQueue {
  private items: (RawSplice | undefined)[] = []
  private head = 0

  get length(): number {
    return this.items.length - this.head
  }

  push(splice: RawSplice): void {
    this.items.push(splice)
  }

  /** Keeps the first `length`. */
  truncate(length: number): void {
    this.items.length = this.head + length
  }

  at(index: number): RawSplice | undefined {
    return this.items[this.head + index]
  }

  peek(): RawSplice | undefined {
    return this.items[this.head]
  }

  shift(): void {
    this.items[this.head++] = undefined
    // Half is used up: moving the rest costs no more than what was taken.
    if (this.head >= 1024 && this.head * 2 >= this.items.length) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
  }
}
