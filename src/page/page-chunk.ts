/**
 * What the threads that build pages (`LeafBuilder`) send to the thread that owns the file (`SlabFileBuilder`).
 * Everything here can be cloned and transferred. docs/format/lmdb-pages.md shows the pages themselves.
 */

import type { RowSink } from '../bytes/spans.js'
import type { LeavesPlace } from './leaf-file.js'

/** Finished pages of one stream, in the order of their relative numbers. Each stream counts from 0. */
export interface PageChunk {
  /** `pageCount` pages. Nothing else uses this ArrayBuffer, so it can be transferred. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly pageCount: number
  /** Relative number of the first page. */
  readonly firstPage: number
  /**
   * Positions in `bytes` of 48-bit little-endian page numbers that are still relative: page headers, overflow
   * references, roots and branches of sub-trees. They refer to pages of this chunk or of earlier chunks of the stream.
   */
  readonly fixups: Uint32Array<ArrayBuffer>
}

/** A finished stream: its rows, and the leaf pages of the top level, from which we build the branch pages. */
export interface LeafSummary {
  /** Rows, counting each duplicate: `md_entries`. */
  readonly entries: number
  /** Exact repeats of the row before, which we dropped as LMDB would; always 0 in a plain db. */
  readonly droppedDups: number
  /** Pages of overflow runs (`md_overflow_pages`). */
  readonly overflowPages: number
  /** All pages of the stream, with those of sub-trees. */
  readonly pageCount: number
  /** First keys of the leaf pages of the top level, end to end. */
  readonly keys: Uint8Array<ArrayBuffer>
  /** Where each key ends in `keys`. */
  readonly keyEnds: Uint32Array<ArrayBuffer>
  /** Relative numbers of these pages, as many as `keyEnds`. */
  readonly pages: Uint32Array<ArrayBuffer>
  /** The last key of the stream, empty if it has no rows: the next part must start above it. */
  readonly lastKey: Uint8Array<ArrayBuffer>
}

/** Pages of the file: `[first, first + count)`. */
export interface PageExtent {
  readonly first: number
  readonly count: number
}

/** A finished stream as a part of a db. Parts follow each other in key order. */
export interface StreamPart {
  readonly stream: number
  readonly summary: LeafSummary
}

/** Where a stream's pages lie: pages `[rel, rel + count)` of the stream are pages `[first, first + count)` of the file. */
export interface StreamExtent extends PageExtent {
  readonly rel: number
}

/**
 * Where a complete stream is, as plain JSON. A later process needs these for all streams to continue a half-built file.
 * Store it only after `sync()` returned. Pages of streams that nobody stored get reused.
 */
export interface StreamState {
  readonly stream: number
  readonly keyBase: number
  readonly extents: readonly StreamExtent[]
  /** XXH64 in hex of its pages in the file, so that a later process can tell whether they have changed. */
  readonly digest: string
  /** Where the list of its leaf pages is. */
  readonly leaves: LeavesPlace | null
}

export interface LeafBuilderOptions {
  readonly dupSort: boolean
  /** The share of a page's 4080 bytes to fill (default 0.9). The rest is room for the inserts of a live Cortex. */
  readonly fill?: number
  /** Hand on a chunk when it has this many bytes of pages (default 1 MiB). A larger value makes its chunk larger. */
  readonly chunkBytes?: number
  /** Takes ownership of the chunk. Called during `add()` and `finish()`. */
  readonly emit: (chunk: PageChunk) => void
}

/** The part of a `LeafBuilder` that code with rows needs. */
export interface LeafBuilderMethods extends RowSink {
  finish(): LeafSummary
}
