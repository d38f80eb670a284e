/**
 * What passes from the threads that build pages (`LeafBuilder`) to the one that owns the file (`SlabFileBuilder`). Everything here
 * can be cloned and transferred; docs/format/lmdb-pages.md draws the pages themselves.
 */

import type { LeavesPlace } from './leaf-file.js'

/** Finished pages of one stream, in the order of their relative numbers, which start at 0 in each stream. */
export interface PageChunk {
  /** `pageCount` pages; its ArrayBuffer belongs to the chunk alone, so it can be transferred. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly pageCount: number
  /** Relative number of the first page. */
  readonly firstPage: number
  /**
   * Positions within `bytes` of 48-bit little-endian page numbers that are still relative: page headers, overflow
   * references, roots and branches of sub-trees. They name pages of this chunk or of earlier ones of the same stream.
   */
  readonly fixups: Uint32Array<ArrayBuffer>
}

/** A finished stream: its rows and the leaf pages of the top level, from which the branch pages are built. */
export interface LeafSummary {
  /** Rows, duplicates counted one by one: what `md_entries` counts. */
  readonly entries: number
  /** Exact copies of the row before, dropped as LMDB drops them; always 0 in a plain db. */
  readonly droppedDups: number
  /** Pages of overflow runs (`md_overflow_pages`). */
  readonly overflowPages: number
  /** All pages of the stream, those of sub-trees included. */
  readonly pageCount: number
  /** First keys of the leaf pages of the top level, end to end. */
  readonly keys: Uint8Array<ArrayBuffer>
  /** Where each of them ends in `keys`. */
  readonly keyEnds: Uint32Array<ArrayBuffer>
  /** Relative numbers of these pages, as many as `keyEnds`. */
  readonly pages: Uint32Array<ArrayBuffer>
  /** The last key of the stream, to check that the next part starts above it; empty if there are no rows. */
  readonly lastKey: Uint8Array<ArrayBuffer>
}

/** Pages of the file: `[first, first + count)`. */
export interface PageExtent {
  readonly first: number
  readonly count: number
}

/** One finished stream as a part of a db; parts follow each other in key order. */
export interface StreamPart {
  readonly stream: number
  readonly summary: LeafSummary
}

/** Where a stream's pages lie: pages `[rel, rel + count)` of the stream are pages `[first, first + count)` of the file. */
export interface StreamExtent extends PageExtent {
  readonly rel: number
}

/**
 * Where a complete stream lies, as plain JSON: those of all streams are what a later process needs to continue with a half-built
 * file. Worth storing once `sync()` returned; pages of other streams are used again.
 */
export interface StreamState {
  readonly stream: number
  readonly keyBase: number
  readonly extents: readonly StreamExtent[]
  /** XXH64 of its pages as they lie in the file, in hex: what a later process finds there may have changed since. */
  readonly digest: string
  /** Where its leaf pages are noted. */
  readonly leaves: LeavesPlace | null
}

export interface LeafBuilderOptions {
  readonly dupSort: boolean
  /** Share of a page's 4080 bytes to fill, 0.9 if not given: the rest is room for the inserts of a live Cortex. */
  readonly fill?: number
  /** A chunk is handed on when this many bytes of pages are ready (default 1 MiB); a larger value makes a larger chunk. */
  readonly chunkBytes?: number
  /** Takes the chunk over; called within `add()` and `finish()`. */
  readonly emit: (chunk: PageChunk) => void
}

/** What those who have rows need of a `LeafBuilder`. */
export interface LeafBuilderMethods {
  /** Adds the row `keyBuf[keyStart, keyEnd)` -> `valueBuf[valueStart, valueEnd)`; the bytes are copied. */
  add(
    keyBuf: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueBuf: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void
  finish(): LeafSummary
}
