import { viewOf } from '../bytes/spans.js'
import { PAGE_BYTES, PAGE_HEADER_BYTES, PageFlag } from './format.js'
import type { NodePage } from './node-page.js'
import type { PageChunk } from './page-chunk.js'

/** Pages per chunk: enough to write at disk speed, few enough for dozens of builders at a time. */
export const CHUNK_BYTES = 1 << 20
const FIRST_CHUNK_BYTES = 1 << 16

/** As many as are on their way to the writer and back while it keeps up. */
const MOST_UNUSED = 16
/** Cleared buffers for the next pages of this thread. */
const unused: Uint8Array<ArrayBuffer>[] = []

/**
 * Takes back a buffer whose pages have been written. A new one for each chunk costs a millisecond until the system has
 * cleared it, and V8 would collect all garbage each time that 64 MiB of them are used up.
 *
 * @param used the part of the buffer that has pages
 */
export function reuseBuffer(used: Uint8Array<ArrayBuffer>): void {
  if (unused.length === MOST_UNUSED) return
  // We do not write pages as a whole: the space between their nodes must be zero.
  used.fill(0)
  unused.push(new Uint8Array(used.buffer))
}

/** Collects finished pages of a stream under relative numbers, and hands them on chunk by chunk. */
export class ChunkWriter {
  /** Pages so far; also the relative number of the next page. */
  pageCount = 0
  /** Starts small, because most streams are. */
  private nextBytes: number
  private bytes: Uint8Array<ArrayBuffer>
  private view: DataView
  private used = 0
  private fixups: Uint32Array<ArrayBuffer>
  private fixupCount = 0

  constructor(
    private readonly chunkBytes: number,
    private readonly emit: (chunk: PageChunk) => void,
  ) {
    this.bytes = new Uint8Array(0)
    this.view = viewOf(this.bytes)
    this.nextBytes = Math.min(FIRST_CHUNK_BYTES, chunkBytes)
    this.fixups = new Uint32Array(64)
  }

  /** @param refs positions of relative page numbers within the page */
  putLeaf(page: NodePage, refs: readonly number[] = []): number {
    const start = this.put(page, PageFlag.leaf)
    for (let i = 0; i < refs.length; i++) this.addFixup(start + refs[i])
    return this.pageCount - 1
  }

  putBranch(page: NodePage): number {
    const start = this.put(page, PageFlag.branch)
    for (let i = 0; i < page.count; i++) this.addFixup(start + page.node(i))
    return this.pageCount - 1
  }

  /** Puts a value on overflow pages and returns the number of the first one. */
  putRun(buf: Uint8Array, start: number, end: number): number {
    const pages = overflowPages(end - start)
    const at = this.reserve(pages)
    this.view.setUint16(at + 10, PageFlag.overflow, true)
    this.view.setUint32(at + 12, pages, true)
    this.bytes.set(buf.subarray(start, end), at + PAGE_HEADER_BYTES)
    return this.pageCount - pages
  }

  /** Hands on what it has collected. */
  flush(): void {
    if (this.used === 0) return
    const pageCount = this.used / PAGE_BYTES
    const chunk = {
      bytes: this.isHardlyUsed() ? this.takeCopy() : this.bytes.subarray(0, this.used),
      pageCount,
      firstPage: this.pageCount - pageCount,
      fixups: this.fixups.slice(0, this.fixupCount),
    }
    this.bytes = new Uint8Array(0)
    this.view = viewOf(this.bytes)
    this.used = 0
    this.fixupCount = 0
    this.emit(chunk)
  }

  private put(page: NodePage, flags: number): number {
    const at = this.reserve(1)
    this.bytes.set(page.bytes.subarray(PAGE_HEADER_BYTES, page.lower), at + PAGE_HEADER_BYTES)
    this.bytes.set(page.bytes.subarray(page.upper), at + page.upper)
    this.view.setUint16(at + 10, flags, true)
    this.view.setUint16(at + 12, page.lower, true)
    this.view.setUint16(at + 14, page.upper, true)
    return at
  }

  /** Reserves consecutive pages, with the number of the first one written. All of them must end up in one chunk. */
  private reserve(pages: number): number {
    const need = pages * PAGE_BYTES
    if (this.used + need > this.bytes.length) {
      this.flush()
      this.bytes = newBuffer(Math.max(this.nextBytes, need), Math.max(this.chunkBytes, need))
      this.nextBytes = Math.min(4 * this.nextBytes, this.chunkBytes)
      this.view = viewOf(this.bytes)
    }
    const at = this.used
    this.used += need
    this.view.setUint32(at, this.pageCount, true)
    this.addFixup(at)
    this.pageCount += pages
    return at
  }

  /** Whether the stream was small enough to keep its buffer. Most streams of a large run are. */
  private isHardlyUsed(): boolean {
    return this.bytes.length >= FIRST_CHUNK_BYTES && 2 * this.used <= FIRST_CHUNK_BYTES
  }

  private takeCopy(): Uint8Array<ArrayBuffer> {
    const copy = this.bytes.slice(0, this.used)
    reuseBuffer(this.bytes.subarray(0, this.used))
    return copy
  }

  private addFixup(position: number): void {
    if (this.fixupCount === this.fixups.length) {
      const grown = new Uint32Array(2 * this.fixups.length)
      grown.set(this.fixups)
      this.fixups = grown
    }
    this.fixups[this.fixupCount++] = position
  }
}

/** `OVPAGES`: only the first page has a header. */
export function overflowPages(valueBytes: number): number {
  return Math.ceil((PAGE_HEADER_BYTES + valueBytes) / PAGE_BYTES)
}

/** A cleared buffer of `bytes` or more. */
function newBuffer(bytes: number, mostBytes: number): Uint8Array<ArrayBuffer> {
  const at = unused.findLastIndex(({ length }) => length >= bytes && length <= mostBytes)
  return at < 0 ? new Uint8Array(bytes) : unused.splice(at, 1)[0]
}
