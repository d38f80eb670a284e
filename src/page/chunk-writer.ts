import { viewOf } from '../bytes/spans.js'
import { PAGE_BYTES, PAGE_HEADER_BYTES, PageFlag } from './format.js'
import type { PageChunk } from './page-chunk.js'

/** Pages per chunk: enough to write at disk speed, few enough for dozens of builders at a time. */
export const CHUNK_BYTES = 1 << 20
const FIRST_CHUNK_BYTES = 1 << 16

/** As many as are on their way to the writer and back while it keeps up. */
const MOST_UNUSED = 16
/** Buffers for the next pages of this thread, with leftovers of earlier ones. */
const unused: Uint8Array<ArrayBuffer>[] = []

/**
 * Takes back a buffer whose pages have been written. A new one for each chunk costs a millisecond until the system has
 * cleared it, and V8 would collect all garbage each time that 64 MiB of them are used up.
 */
export function reuseBuffer(used: Uint8Array<ArrayBuffer>): void {
  if (unused.length < MOST_UNUSED) unused.push(new Uint8Array(used.buffer))
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

  /**
   * Puts a finished page, all but its number, and returns the number.
   *
   * @param refs view of the positions of relative page numbers within the page, as `u16` at `[refsAt, …)`
   */
  putPage(page: Uint8Array, refs: DataView, refsAt: number, refCount: number): number {
    const at = this.reserve(1)
    this.bytes.set(page, at)
    this.number(at, this.pageCount - 1)
    for (let i = 0; i < refCount; i++) this.addFixup(at + refs.getUint16(refsAt + 2 * i, true))
    return this.pageCount - 1
  }

  /** Puts a value on overflow pages and returns the number of the first one. */
  putRun(value: Uint8Array): number {
    const pages = overflowPages(value.length)
    const at = this.reserve(pages)
    const { bytes, view } = this
    const end = at + PAGE_HEADER_BYTES + value.length
    bytes.fill(0, at, at + PAGE_HEADER_BYTES)
    view.setUint16(at + 10, PageFlag.overflow, true)
    view.setUint32(at + 12, pages, true)
    bytes.set(value, at + PAGE_HEADER_BYTES)
    bytes.fill(0, end, this.used)
    this.number(at, this.pageCount - pages)
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

  /** Reserves consecutive pages, all of them in one chunk. */
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
    this.pageCount += pages
    return at
  }

  private number(at: number, page: number): void {
    this.view.setUint32(at, page, true)
    this.addFixup(at)
  }

  /** Whether the stream was small enough to keep its buffer. Most streams of a large run are. */
  private isHardlyUsed(): boolean {
    return this.bytes.length >= FIRST_CHUNK_BYTES && 2 * this.used <= FIRST_CHUNK_BYTES
  }

  private takeCopy(): Uint8Array<ArrayBuffer> {
    const copy = this.bytes.slice(0, this.used)
    reuseBuffer(this.bytes)
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

/** A buffer of `bytes` or more. */
function newBuffer(bytes: number, mostBytes: number): Uint8Array<ArrayBuffer> {
  const at = unused.findLastIndex(({ length }) => length >= bytes && length <= mostBytes)
  return at < 0 ? new Uint8Array(bytes) : unused.splice(at, 1)[0]
}
