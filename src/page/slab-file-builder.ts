import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { hexOf } from '../bytes/hash.js'
import { viewOf } from '../bytes/spans.js'
import { Xxh64 } from '../bytes/xxh64.js'
import { assert, MigrationError } from '../errors.js'
import { PageFile } from '../file/page-file.js'
import { BranchBuilder } from './branch-builder.js'
import { overflowPages } from './chunk-writer.js'
import { FREE_TXN_ID, mapSizeFor, metaPages, noTree, packRecord, treeRecord } from './file-records.js'
import {
  DbFlag,
  type DbRecord,
  MAX_KEY_BYTES,
  MAX_NODE_BYTES,
  NODE_HEADER_BYTES,
  NodeFlag,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PageFlag,
  writeU48,
} from './format.js'
import { KeptStreams } from './kept-streams.js'
import { DEFAULT_FILL } from './leaf-builder.js'
import { LeafFile, leafPath } from './leaf-file.js'
import { NodePage, nodeRoom, spareRoom } from './node-page.js'
import type { LeafSummary, PageChunk, PageExtent, StreamExtent, StreamPart, StreamState } from './page-chunk.js'
import { absolute, addExtent, patchPageNumbers, rebased, rebaseKeys } from './stream-pages.js'

const FIRST_DATA_PAGE = 2
/** Pages that the builder makes itself (branches, the main and the free db) are written in batches of this size. */
const OWN_BATCH_PAGES = 256

export interface SlabFileBuilderOptions {
  /** `mm_mapsize`; default: what Synapse would have grown it to. */
  readonly mapSize?: number
  /** Share of a branch page to fill. */
  readonly fill?: number
}

/** A stream that still receives pages. */
interface Stream {
  readonly keyBase: number
  pageCount: number
  readonly extents: StreamExtent[]
  /** Digest of the pages placed so far. */
  readonly digest: Xxh64
}

/**
 * Assembles a new `data.mdb` from finished pages: numbers them, writes them in order, adds the branch pages, and the
 * meta pages last. Until `finish()` returns, LMDB would not open the file. Afterwards the caller renames its directory.
 */
export class SlabFileBuilder {
  private readonly spare: number
  private readonly streamById = new Map<number, Stream>()
  private readonly keptById = new KeptStreams()
  private leaves: LeafFile | null = null
  private readonly dbs = new Map<string, Uint8Array>()
  private readonly mainRows: { key: Uint8Array; value: Uint8Array }[] = []
  private readonly holes: PageExtent[] = []
  private nextPage = FIRST_DATA_PAGE
  private readonly own = new Uint8Array(OWN_BATCH_PAGES * PAGE_BYTES)
  private readonly ownView = viewOf(this.own)
  private ownPages = 0
  private failure: MigrationError | null = null

  private constructor(
    private readonly dir: string,
    private readonly file: PageFile,
    private readonly options: SlabFileBuilderOptions,
  ) {
    this.spare = spareRoom(options.fill ?? DEFAULT_FILL)
  }

  /** Starts a file in a new directory. */
  static create(dir: string, options: SlabFileBuilderOptions = {}): SlabFileBuilder {
    mkdirSync(dir, { mode: 0o700 })
    return new SlabFileBuilder(dir, new PageFile(join(dir, 'data.mdb'), true), options)
  }

  /** Continues a file in which these streams are durable. Reuses pages that belong to no stream. */
  static resume(dir: string, streams: Iterable<StreamState>, options: SlabFileBuilderOptions = {}): SlabFileBuilder {
    const file = new PageFile(join(dir, 'data.mdb'), false)
    const builder = new SlabFileBuilder(dir, file, options)
    let leavesEnd = 0
    const used: PageExtent[] = []
    for (const { stream, keyBase, extents, digest, leaves } of streams) {
      builder.keptById.set(stream, { keyBase, extents, digest, leaves })
      used.push(...extents)
      if (leaves !== null) leavesEnd = Math.max(leavesEnd, leaves.at + leaves.bytes)
    }
    if (leavesEnd > 0) builder.leaves = new LeafFile(leafPath(dir), leavesEnd)
    used.sort((a, b) => a.first - b.first)
    for (const { first, count } of used) {
      if (first > builder.nextPage) builder.holes.push({ first: builder.nextPage, count: first - builder.nextPage })
      builder.nextPage = first + count
    }
    const want = builder.nextPage * PAGE_BYTES
    const { size } = file
    if (size < want && used.length > 0) {
      file.close()
      throw new MigrationError(
        'ERR_CHECKPOINT_MISMATCH',
        `Cannot resume slab "${dir}": it has ${size} bytes, its checkpoint says ${want}`,
        { hint: 'Remove the directory and start its migration again' },
      )
    }
    file.truncate(want)
    return builder
  }

  /**
   * Numbers the pages of a chunk, patches the chunk in place and writes it. Chunks of one stream come in order; streams
   * may interleave.
   *
   * @param keyBase added to the 8-byte big-endian key of every row; the same for the whole stream, plain dbs only
   */
  place(stream: number, chunk: PageChunk, keyBase = 0): PageExtent {
    const { bytes, pageCount, firstPage } = chunk
    assert(!this.keptById.has(stream), () => `Stream ${stream} was complete before`)
    const known = this.streamById.get(stream) ?? { keyBase, pageCount: 0, extents: [], digest: new Xxh64() }
    assert(
      known.pageCount === firstPage && known.keyBase === keyBase && bytes.length === pageCount * PAGE_BYTES,
      () => `Chunk of page ${firstPage} does not continue stream ${stream} of ${known.pageCount} pages`,
    )
    const first = this.allocate(pageCount)
    addExtent(known.extents, { rel: firstPage, first, count: pageCount })
    known.pageCount += pageCount
    this.streamById.set(stream, known)

    const view = viewOf(bytes)
    patchPageNumbers(view, chunk.fixups, known.extents)
    if (keyBase !== 0) rebaseKeys(bytes, view, keyBase)
    known.digest.update(bytes)
    this.write(bytes, first)
    return { first, count: pageCount }
  }

  /** Gives up a stream whose task will run again. Later chunks reuse its pages, or they end up in the free list. */
  drop(stream: number): void {
    const { extents } = this.stateOf(stream)
    for (const { first, count } of extents) this.holes.push({ first, count })
    this.streamById.delete(stream)
    this.keptById.delete(stream)
  }

  /** Lists the leaf pages of a complete stream in a file: for many streams they would take too much memory. */
  keep(stream: number, summary: LeafSummary): void {
    const { keyBase, extents, digest, pageCount } = this.streamById.get(stream) ?? noPages()
    assert(
      pageCount === summary.pageCount,
      () => `Stream ${stream} has ${pageCount} placed pages, expected ${summary.pageCount}`,
    )
    this.attempt(() => {
      this.leaves ??= new LeafFile(leafPath(this.dir), 0)
      const leaves = this.leaves.append(summary)
      this.keptById.set(stream, { keyBase, extents, digest: hexOf(digest.digest()), leaves })
    })
    this.streamById.delete(stream)
  }

  /** Reads kept streams back, one at a time. */
  *keptParts(streams: readonly number[]): Generator<StreamPart> {
    for (const stream of streams) {
      const place = this.keptById.get(stream)?.leaves ?? null
      assert(place !== null && this.leaves !== null, () => `Stream ${stream} is not complete`)
      yield { stream, summary: this.leaves.read(place) }
    }
  }

  /** Streams with pages in the file that no finished db has claimed. */
  streams(): number[] {
    return [...this.streamById.keys(), ...this.keptById.keys()]
  }

  /**
   * Finishes a db. Reads its streams in key order, each once, then forgets them. No parts, or parts without rows, make
   * an empty db.
   */
  finishDb(name: string, dupSort: boolean, parts: Iterable<StreamPart>): void {
    assert(!this.dbs.has(name), () => `Database "${name}" is finished twice`)
    const branches = new BranchBuilder(this.spare, (page) => this.putOwn(page, PageFlag.branch))
    const counts = { leafPages: 0, overflowPages: 0, entries: 0 }
    const taken: number[] = []
    let lastKey: Uint8Array | null = null
    for (const { stream, summary } of parts) {
      if (summary.pageCount > 0) {
        const { keyBase, extents } = this.stateOf(stream)
        this.checkPart(name, stream, summary, extents)
        const keys = rebased(summary.keys, keyBase)
        const firstKey = keys.subarray(0, summary.keyEnds[0])
        assert(
          lastKey === null || Buffer.compare(lastKey, firstKey) < 0,
          () => `Stream ${stream} of "${name}" does not start above the one before`,
        )
        lastKey = rebased(summary.lastKey, keyBase)
        addLeaves(branches, summary, keys, extents)
        counts.leafPages += summary.pages.length
        counts.overflowPages += summary.overflowPages
        counts.entries += summary.entries
      }
      taken.push(stream)
    }
    const record = treeRecord(dupSort ? DbFlag.dupSort : 0, branches.finish(), counts)
    this.flushOwn()
    // Also those without rows, as a resumed build knows them.
    for (const stream of taken) {
      this.streamById.delete(stream)
      this.keptById.delete(stream)
    }
    this.dbs.set(name, packRecord(record))
  }

  /** Adds a row to the unnamed db, beside the db records: 0.1.x keeps `layer:model:version` there. */
  putMain(key: Uint8Array, value: Uint8Array): void {
    assert(key.length <= MAX_KEY_BYTES, () => `A main row's key has ${key.length} bytes`)
    this.mainRows.push({ key, value })
  }

  /**
   * Makes everything placed so far durable.
   *
   * @throws {MigrationError} ERR_DEST also after an earlier write failed: a checkpoint would vouch for its pages
   */
  sync(): void {
    if (this.failure !== null) throw this.failure
    this.attempt(() => {
      this.file.sync()
      this.leaves?.sync()
    })
  }

  /** Like `sync()` for everything placed before the call, while others keep placing pages. */
  async syncBehind(): Promise<void> {
    if (this.failure !== null) throw this.failure
    await Promise.all([this.file.syncBehind(), this.leaves?.syncBehind()]).catch((cause) => {
      this.failure = this.cannotWrite(cause)
      throw this.failure
    })
  }

  /** Where a stream is. Store it only when the stream is complete and `sync()` has returned. */
  stateOf(stream: number): StreamState {
    const kept = this.keptById.get(stream)
    if (kept !== undefined) return { ...kept, stream }
    const { keyBase, extents, digest } = this.streamById.get(stream) ?? noPages()
    const copies = extents.map((extent) => ({ ...extent }))
    return { stream, keyBase, extents: copies, digest: hexOf(digest.digest()), leaves: null }
  }

  /**
   * Writes the main and the free db and the meta pages, makes all of it durable at once and closes the file. Nobody opens
   * it until it has its name, so it does not matter what of a file that was not finished has come to the disk.
   *
   * @throws {MigrationError} ERR_INTERNAL when a stream belongs to no db, as its rows would be lost
   */
  finish(): void {
    assert(this.streams().length === 0, () => `Streams ${this.streams().join(', ')} belong to no database`)
    const mainDb = this.buildMainDb()
    const freeDb = this.buildFreeDb()
    this.flushOwn()
    const lastPage = this.nextPage - 1
    const bytes = this.nextPage * PAGE_BYTES
    if (this.failure !== null) throw this.failure
    this.attempt(() => this.file.truncate(bytes))
    this.write(metaPages(mainDb, freeDb, lastPage, this.options.mapSize ?? mapSizeFor(bytes)), 0)
    this.attempt(() => this.file.syncAll())
    this.file.close()
    // Keep the file: a resumed build needs it until a checkpoint says that the slab is complete.
    this.leaves?.close()
    syncDir(this.dir)
  }

  /** Closes the file without finishing it. */
  close(): void {
    this.file.close()
    this.leaves?.close()
  }

  private allocate(count: number): number {
    const index = this.holes.findIndex((hole) => hole.count >= count)
    if (index >= 0) {
      const hole = this.holes[index]
      if (hole.count === count) this.holes.splice(index, 1)
      else this.holes[index] = { first: hole.first + count, count: hole.count - count }
      return hole.first
    }
    return this.append(count)
  }

  private append(count: number): number {
    const first = this.nextPage
    this.nextPage += count
    return first
  }

  private write(bytes: Uint8Array, firstPage: number): void {
    this.attempt(() => this.file.write(bytes, firstPage * PAGE_BYTES))
  }

  private attempt(act: () => void): void {
    try {
      act()
    } catch (cause) {
      this.failure = this.cannotWrite(cause)
      throw this.failure
    }
  }

  private cannotWrite(cause: unknown): MigrationError {
    return new MigrationError('ERR_DEST', `Cannot write slab "${this.dir}": ${(cause as Error).message}`, {
      cause,
      hint: 'Check the disk of the destination and its free space',
    })
  }

  private checkPart(name: string, stream: number, summary: LeafSummary, extents: readonly StreamExtent[]): void {
    const placed = extents.reduce((sum, { count }) => sum + count, 0)
    assert(
      placed === summary.pageCount,
      () => `Stream ${stream} of "${name}" has ${placed} placed pages, expected ${summary.pageCount}`,
    )
  }

  /** Appends a page that the builder made; `flushOwn()` writes it. */
  private putOwn(page: NodePage, flags: number): number {
    if (this.ownPages === OWN_BATCH_PAGES) this.flushOwn()
    const number = this.append(1)
    const at = this.ownPages * PAGE_BYTES
    this.own.set(page.bytes.subarray(PAGE_HEADER_BYTES, page.lower), at + PAGE_HEADER_BYTES)
    this.own.set(page.bytes.subarray(page.upper), at + page.upper)
    writeU48(this.ownView, at, number)
    this.ownView.setUint16(at + 10, flags, true)
    this.ownView.setUint16(at + 12, page.lower, true)
    this.ownView.setUint16(at + 14, page.upper, true)
    this.ownPages++
    return number
  }

  private flushOwn(): void {
    if (this.ownPages === 0) return
    const bytes = this.own.subarray(0, this.ownPages * PAGE_BYTES)
    this.write(bytes, this.nextPage - this.ownPages)
    bytes.fill(0)
    this.ownPages = 0
  }

  private buildMainDb(): DbRecord {
    const rows = [
      ...this.mainRows.map((row) => ({ ...row, flags: 0 })),
      ...[...this.dbs].map(([name, value]) => ({ key: Buffer.from(name), value, flags: NodeFlag.subData })),
    ].sort((a, b) => Buffer.compare(a.key, b.key))
    for (const { key, value } of rows) {
      assert(NODE_HEADER_BYTES + key.length + value.length <= MAX_NODE_BYTES, () => 'A main row is too large')
    }
    const page = new NodePage()
    const branches = new BranchBuilder(0, (branch) => this.putOwn(branch, PageFlag.branch))
    let leafPages = 0
    const close = () => {
      const node = page.node(0)
      const start = node + NODE_HEADER_BYTES
      const number = this.putOwn(page, PageFlag.leaf)
      branches.add(number, page.bytes, page.view, start, start + page.keyBytes(node))
      page.clear()
      leafPages++
    }
    for (const { key, value, flags } of rows) {
      if (!page.takes(nodeRoom(key.length, value.length), 0)) close()
      const node = page.push(flags, key, viewOf(key), 0, key.length, value.length)
      page.bytes.set(value, node + NODE_HEADER_BYTES + key.length)
    }
    if (page.count > 0) close()
    return treeRecord(0, branches.finish(), { leafPages, overflowPages: 0, entries: rows.length })
  }

  /** Lists all pages below the last one that no tree uses: LMDB's compacting copy fails when one is missing. */
  private buildFreeDb(): DbRecord {
    const pages = this.holes.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i))
    if (pages.length === 0) return treeRecord(DbFlag.integerKey, noTree, noTree, PAGE_BYTES)
    // An ID list: its length, then the numbers in descending order.
    pages.sort((a, b) => b - a)
    const list = new Uint8Array(8 * (pages.length + 1))
    const listView = viewOf(list)
    writeU48(listView, 0, pages.length)
    for (const [i, number] of pages.entries()) writeU48(listView, 8 * (i + 1), number)
    const key = new Uint8Array(8)
    writeU48(viewOf(key), 0, FREE_TXN_ID)

    const page = new NodePage()
    const isBig = NODE_HEADER_BYTES + key.length + list.length > MAX_NODE_BYTES
    const stored = isBig ? 8 : list.length
    const node = page.push(isBig ? NodeFlag.big : 0, key, viewOf(key), 0, key.length, list.length, stored)
    if (isBig) writeU48(page.view, node + NODE_HEADER_BYTES + key.length, this.putOwnRun(list))
    else page.bytes.set(list, node + NODE_HEADER_BYTES + key.length)
    const root = this.putOwn(page, PageFlag.leaf)
    const counts = { leafPages: 1, overflowPages: isBig ? overflowPages(list.length) : 0, entries: 1 }
    return treeRecord(DbFlag.integerKey, { root, branchPages: 0, levels: 0 }, counts, PAGE_BYTES)
  }

  private putOwnRun(value: Uint8Array): number {
    this.flushOwn()
    const count = overflowPages(value.length)
    const first = this.append(count)
    const bytes = new Uint8Array(count * PAGE_BYTES)
    const view = viewOf(bytes)
    writeU48(view, 0, first)
    view.setUint16(10, PageFlag.overflow, true)
    view.setUint32(12, count, true)
    bytes.set(value, PAGE_HEADER_BYTES)
    this.write(bytes, first)
    return first
  }
}

/** A stream without rows. */
function noPages(): Stream {
  return { keyBase: 0, pageCount: 0, extents: [], digest: new Xxh64() }
}

function addLeaves(
  branches: BranchBuilder,
  { keyEnds, pages }: LeafSummary,
  keys: Uint8Array,
  extents: readonly StreamExtent[],
): void {
  const view = viewOf(keys)
  for (let i = 0, start = 0; i < pages.length; start = keyEnds[i], i++) {
    branches.add(absolute(extents, pages[i]), keys, view, start, keyEnds[i])
  }
}

function syncDir(dir: string): void {
  const fd = openSync(dir, 'r')
  fsyncSync(fd)
  closeSync(fd)
}
