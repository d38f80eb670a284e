import type { ByteListBuilder } from '../bytes/byte-list.js'
import type { MigrationError } from '../errors.js'
import { NODE_HEADER_BYTES, PAGE_HEADER_BYTES, PageFlag, readU16, readU48 } from './format.js'

/** The file that pages are read from. */
export interface PageFile {
  readonly pageSize: number
  readPages(pgno: number, count: number, into?: Uint8Array): Uint8Array
  corrupt(found: string): MigrationError
}

/** A branch or leaf page, or a sub-page, at an offset of a buffer. */
export class Page {
  readonly count: number
  readonly isBranch: boolean
  readonly end: number

  constructor(
    private readonly slab: PageFile,
    readonly buf: Uint8Array,
    readonly at: number,
    bytes = slab.pageSize,
  ) {
    this.end = at + bytes
    const flags = readU16(buf, at + 10)
    if ((flags & (PageFlag.branch | PageFlag.leaf)) === 0 || (flags & PageFlag.leaf2) !== 0) {
      throw this.corrupt(`flags 0x${flags.toString(16)} are those of no branch or leaf page`)
    }
    this.isBranch = (flags & PageFlag.branch) !== 0
    const lower = readU16(buf, at + 12)
    if (lower < PAGE_HEADER_BYTES || at + lower > this.end || (lower & 1) !== 0) {
      throw this.corrupt(`its lower bound is ${lower}`)
    }
    this.count = (lower - PAGE_HEADER_BYTES) >> 1
  }

  /** Where node `index` starts; its header and key lie within the page. */
  node(index: number): number {
    const offset = readU16(this.buf, this.at + PAGE_HEADER_BYTES + 2 * index)
    const node = this.at + offset
    if (offset < PAGE_HEADER_BYTES || node + NODE_HEADER_BYTES > this.end)
      throw this.corrupt(`node ${index} lies at ${offset}`)
    if (node + NODE_HEADER_BYTES + readU16(this.buf, node + 6) > this.end)
      throw this.corrupt(`the key of node ${index} is too long`)
    return node
  }

  key(index: number): Uint8Array {
    const start = this.node(index) + NODE_HEADER_BYTES
    return Uint8Array.prototype.slice.call(this.buf, start, start + readU16(this.buf, start - 2))
  }

  /** Copies a key, which is shorter than a page. Returns its length. */
  copyKey(index: number, to: Uint8Array): number {
    const start = this.node(index) + NODE_HEADER_BYTES
    const length = readU16(this.buf, start - 2)
    for (let i = 0; i < length; i++) to[i] = this.buf[start + i]
    return length
  }

  /** Adds a copy of the key's first `most` bytes to a list. */
  addKey(index: number, list: ByteListBuilder, most: number): void {
    const start = this.node(index) + NODE_HEADER_BYTES
    list.add(this.buf, start, start + Math.min(most, readU16(this.buf, start - 2)))
  }

  child(index: number): number {
    return readU48(this.buf, this.node(index))
  }

  firstAtOrAbove(key: Uint8Array): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.compareKey(middle, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Binary search for branch pages, whose first key counts as less than any other. */
  lastBelowOrAt(key: Uint8Array): number {
    let low = 1
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.compareKey(middle, key) <= 0) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  corrupt(found: string): MigrationError {
    return this.slab.corrupt(`page ${readU48(this.buf, this.at)}: ${found}`)
  }

  compareKey(index: number, key: Uint8Array, keyBytes = key.length): number {
    const start = this.node(index) + NODE_HEADER_BYTES
    const length = readU16(this.buf, start - 2)
    const shared = Math.min(length, keyBytes)
    for (let i = 0; i < shared; i++) {
      const diff = this.buf[start + i] - key[i]
      if (diff !== 0) return diff
    }
    return length - keyBytes
  }
}
