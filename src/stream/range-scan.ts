import type { SlabReader } from '../page/page-reader.js'
import type { RowAt, RowCursor } from '../page/row-cursor.js'

/** Scans rows of a database with keys in `[start, end)`; null means unbounded. A missing database has no rows. */
export class RangeScan {
  private readonly openCursor: RowCursor | null
  private end: Uint8Array | null = null
  protected isOnRow = false
  /** Rows passed so far. */
  rows = 0

  constructor(slab: SlabReader | null, db: string) {
    this.openCursor = slab?.db(db)?.cursor() ?? null
  }

  /** Whether there is a current row. */
  get isOpen(): boolean {
    return this.isOnRow
  }

  /** The current row. */
  get cursor(): RowAt {
    return this.rowCursor
  }

  private get rowCursor(): RowCursor {
    if (this.openCursor === null) throw new RangeError('Cannot read a row of a scan that is not open')
    return this.openCursor
  }

  /** @param last where `goOn()` will come to at most */
  seek(start: Uint8Array | null, end: Uint8Array | null, last = end): void {
    this.end = end
    this.isOnRow = this.openCursor?.seek(start, last) === true && this.isWithin()
  }

  /** Goes on where the range ended, up to another end. */
  goOn(end: Uint8Array | null): void {
    this.end = end
    this.isOnRow = this.openCursor?.isOnRow === true && this.isWithin()
  }

  next(): boolean {
    this.rows++
    this.isOnRow = this.rowCursor.next() && this.isWithin()
    return this.isOnRow
  }

  get keyBytes(): number {
    return this.cursor.keyEnd - this.cursor.keyStart
  }

  /** Compares the key with `other[0, length)` in LMDB's order. */
  compareKey(other: Uint8Array, length: number): number {
    const { buf, keyStart, keyEnd } = this.cursor
    const shared = Math.min(keyEnd - keyStart, length)
    for (let i = 0; i < shared; i++) {
      const diff = buf[keyStart + i] - other[i]
      if (diff !== 0) return diff
    }
    return keyEnd - keyStart - length
  }

  startsWith(prefix: Uint8Array): boolean {
    return this.keyBytes >= prefix.length && this.comparePrefix(prefix) === 0
  }

  /** Compares the first bytes of the key, as many as `prefix` has. */
  comparePrefix(prefix: Uint8Array): number {
    const { buf, keyStart, keyEnd } = this.cursor
    for (let i = 0; i < prefix.length; i++) {
      if (keyStart + i >= keyEnd) return -1
      const diff = buf[keyStart + i] - prefix[i]
      if (diff !== 0) return diff
    }
    return 0
  }

  /** Whether the first bytes of the key are greater than `prefix`. The key must not be shorter than `prefix`. */
  isAbove(prefix: Uint8Array): boolean {
    const { buf, keyStart } = this.cursor
    for (let i = 0; i < prefix.length; i++) if (buf[keyStart + i] !== prefix[i]) return buf[keyStart + i] > prefix[i]
    return false
  }

  /**
   * Whether the first `bytes` bytes of this key are less than those of the other key. Both keys must have that many.
   */
  comesBefore(other: RangeScan, bytes: number): boolean {
    const a = this.cursor
    const b = other.cursor
    for (let i = 0; i < bytes; i++) {
      const diff = a.buf[a.keyStart + i] - b.buf[b.keyStart + i]
      if (diff !== 0) return diff < 0
    }
    return false
  }

  hasValue(other: Uint8Array, start: number, end: number): boolean {
    const { valueBuf, valueStart, valueEnd } = this.cursor
    if (valueEnd - valueStart !== end - start) return false
    for (let i = valueStart, j = start; i < valueEnd; i++, j++) if (valueBuf[i] !== other[j]) return false
    return true
  }

  private isWithin(): boolean {
    return this.end === null || this.compareKey(this.end, this.end.length) < 0
  }
}
