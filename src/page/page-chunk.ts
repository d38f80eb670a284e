/**
 * What passes from the threads that build pages (`LeafBuilder`) to the one that owns the file (`SlabFileBuilder`). Everything here
 * can be cloned and transferred; docs/format/lmdb-pages.md draws the pages themselves.
 */

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
 * Everything that a later process needs to go on with a half-built file, as plain JSON. Valid once `sync()` returned; whatever was placed
 * after it is overwritten.
 */
export interface SlabBuildState {
  readonly nextPage: number
  readonly holes: readonly PageExtent[]
  readonly streams: readonly {
    readonly stream: number
    readonly keyBase: number
    readonly extents: readonly StreamExtent[]
  }[]
  /** Finished dbs: `MDB_db` records as hex. */
  readonly dbs: readonly { readonly name: string; readonly record: string }[]
}

/** `new LeafBuilder(options)`, src/page/leaf-builder.ts. Streams: memory is one chunk, whatever the size of the tree. */
export interface LeafBuilderOptions {
  readonly dupSort: boolean
  /** Share of a page's 4080 bytes to fill, 0.9 if not given: the rest is room for the inserts of a live Cortex. */
  readonly fill?: number
  /** A chunk is handed on when this many bytes of pages are ready (default 1 MiB); a larger value makes a larger chunk. */
  readonly chunkBytes?: number
  /** Takes the chunk over; called within `add()` and `finish()`. */
  readonly emit: (chunk: PageChunk) => void
}

export interface LeafBuilderMethods {
  /**
   * Adds the row `keyBuf[keyStart, keyEnd)` -> `valueBuf[valueStart, valueEnd)`; the bytes are copied.
   * @throws {MigrationError} ERR_INTERNAL when rows are out of order or a key or duplicate is not 1 to 511 bytes long
   */
  add(
    keyBuf: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueBuf: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void
  /** Hands on the last chunk; buffers of the summary can be transferred (`summaryBuffers()`). */
  finish(): LeafSummary
}

/** `SlabFileBuilder.create(dir, options)` and `SlabFileBuilder.resume(dir, state, options)`, src/page/slab-file-builder.ts. */
export interface SlabFileBuilderMethods {
  /**
   * Gives the chunk its page numbers, patches it in place and writes it. Chunks of one stream come in order; streams may interleave.
   * `keyBase` (same for the whole stream, plain dbs of 8-byte keys only) is added to the big-endian integer key of every row.
   */
  place(stream: number, chunk: PageChunk, keyBase?: number): PageExtent
  /** Gives up a stream (its task is repeated): its pages are filled by later chunks, or end in the free list. */
  drop(stream: number): void
  /** Streams with placed pages. */
  streams(): number[]
  /** Declares a finished db; no parts, or parts without rows, make an empty one. Forgets the streams. */
  finishDb(name: string, dupSort: boolean, parts: readonly StreamPart[]): void
  /** A plain row of the unnamed db, beside the db records (0.1.x keeps `layer:model:version` there). */
  putMain(key: Uint8Array, value: Uint8Array): void
  /** Makes everything placed so far durable. */
  sync(): void
  state(): SlabBuildState
  /** Writes the main and the free db, syncs, writes the meta pages, syncs again and closes. Streams that no db took over are dropped. */
  finish(): { readonly lastPage: number; readonly bytes: number }
  /** Closes the file without finishing it. */
  close(): void
}
