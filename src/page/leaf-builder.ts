import { ByteListBuilder, grown } from '../bytes/byte-list.js'
import { copySpan, keptViewOf, viewOf } from '../bytes/spans.js'
import { assert, MigrationError } from '../errors.js'
import { kernel, type PageSink } from '../kernel/kernel.js'
import { CHUNK_BYTES, ChunkWriter } from './chunk-writer.js'
import { MAX_KEY_BYTES, NODE_HEADER_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES } from './format.js'
import { spareRoom } from './node-page.js'
import type { LeafBuilderMethods, LeafBuilderOptions, LeafSummary } from './page-chunk.js'

/** docs/decisions has measurements of other fills. */
export const DEFAULT_FILL = 0.9

/** What `addRow()` returns (src/kernel/assembly/leaf-pages.ts). */
const Fault = { none: 0, keySize: 1, dupSize: 2, keyOrder: 3, dupOrder: 4 } as const
/** Where the fields of `LeafPages` are that we read. */
const Field = { entries: 0, droppedDups: 8, overflowPages: 16, lastKey: 24, lastKeyBytes: 28 } as const

/** Where this thread's builders put the key and the value of a row for the kernel; longer values stay where they are. */
const STAGED_BYTES = 2048
let stagedKey = 0
let stagedValue = 0

/**
 * Turns rows in LMDB's order (keys by `memcmp`, duplicates of a key likewise) into finished leaf pages, with overflow
 * pages and trees of duplicates: the rows' part of the work is the kernel's (src/kernel/assembly/leaf-pages.ts). It
 * streams: memory is one chunk, however large the tree.
 *
 * Several builders may share the keys of one db: each makes a stream, and `SlabFileBuilder.finishDb()` joins them.
 */
export class LeafBuilder implements LeafBuilderMethods {
  /** The address of its `LeafPages`, for code of the kernel that adds rows; 0 after `finish()`. */
  pages: number
  private readonly kernel = kernel()
  private readonly stream: PageStream

  private keyBuf: Uint8Array = new Uint8Array(0)
  private keyView = viewOf(this.keyBuf)
  private valueBuf: Uint8Array = this.keyBuf
  private valueView = this.keyView
  /** The values buffer before the last one: callers often alternate between two. */
  private otherBuf: Uint8Array = this.keyBuf
  private otherView = this.keyView

  constructor(options: LeafBuilderOptions) {
    const { dupSort, fill = DEFAULT_FILL, chunkBytes = CHUNK_BYTES, emit } = options
    assert(fill > 0 && fill <= 1, () => `A fill of ${fill} is not above 0 and at most 1`)
    const out = new ChunkWriter(Math.max(1, Math.floor(chunkBytes / PAGE_BYTES)) * PAGE_BYTES, emit)
    this.stream = new PageStream(out)
    const { calls, sinks } = this.kernel
    if (stagedKey === 0) {
      stagedKey = calls.allocate(2 * STAGED_BYTES)
      stagedValue = stagedKey + STAGED_BYTES
    }
    this.pages = calls.newPages(dupSort, spareRoom(fill))
    sinks.set(this.pages, this.stream)
  }

  /**
   * Adds the row `keyBuf[keyStart, keyEnd)` -> `valueBuf[valueStart, valueEnd)` and copies its bytes. Drops an exact
   * repeat of the row before in a dupsort db, as LMDB would.
   *
   * @throws {MigrationError} ERR_INTERNAL when rows are out of order, or when a key or duplicate is not 1 to 511 bytes
   *   long
   */
  add(
    keyBuf: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueBuf: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    if (keyBuf !== this.keyBuf) {
      this.keyBuf = keyBuf
      this.keyView = keptViewOf(keyBuf)
    }
    if (valueBuf !== this.valueBuf) this.takeValueBuf(valueBuf)
    const keyBytes = keyEnd - keyStart
    const valueBytes = valueEnd - valueStart
    const { mem, view, calls } = this.kernel
    // The kernel reads no key of another size, and no value that does not fit on a page.
    if (keyBytes <= MAX_KEY_BYTES) copySpan(mem, view, stagedKey, keyBuf, this.keyView, keyStart, keyEnd)
    let value = 0
    if (valueBytes <= STAGED_BYTES) {
      value = stagedValue
      copySpan(mem, view, value, valueBuf, this.valueView, valueStart, valueEnd)
    } else {
      this.stream.large = valueBuf.subarray(valueStart, valueEnd)
    }
    const fault = calls.addRow(this.pages, stagedKey, keyBytes, value, valueBytes)
    if (fault !== Fault.none) {
      throw this.error(fault, keyBuf.subarray(keyStart, keyEnd), valueBuf.subarray(valueStart, valueEnd))
    }
  }

  /** Hands on the last chunk and returns a summary of the stream. */
  finish(): LeafSummary {
    const { calls, sinks } = this.kernel
    const { pages, stream } = this
    const lastKey = Uint8Array.from(this.lastKey())
    calls.finishPages(pages)
    stream.out.flush()
    const { view } = this.kernel
    const count = (field: number) => Number(view.getBigUint64(pages + field, true))
    const summary = {
      entries: count(Field.entries),
      droppedDups: count(Field.droppedDups),
      overflowPages: count(Field.overflowPages),
      pageCount: stream.out.pageCount,
      ...stream.leaves.pack(),
      lastKey,
    }
    sinks.delete(pages)
    calls.freePages(pages)
    this.pages = 0
    return summary
  }

  /** The error for a row that `addRow()` refused. */
  error(fault: number, key: Uint8Array, value: Uint8Array): MigrationError {
    switch (fault) {
      case Fault.keySize:
        return badSize('key', key.length)
      case Fault.dupSize:
        return badSize('duplicate', value.length)
      case Fault.keyOrder:
        return outOfOrder('key', key, this.lastKey())
      default:
        return outOfOrder('duplicate', value, this.lastKey())
    }
  }

  private takeValueBuf(buf: Uint8Array): void {
    const view = buf === this.otherBuf ? this.otherView : buf === this.keyBuf ? this.keyView : keptViewOf(buf)
    this.otherBuf = this.valueBuf
    this.otherView = this.valueView
    this.valueBuf = buf
    this.valueView = view
  }

  private lastKey(): Uint8Array {
    const { mem, view } = this.kernel
    const at = view.getUint32(this.pages + Field.lastKey, true)
    return mem.subarray(at, at + view.getUint32(this.pages + Field.lastKeyBytes, true))
  }
}

/** Frees what builders of this thread hold in the kernel that nobody has finished: their task has failed. */
export function freeOpenBuilders(): void {
  const { calls, sinks } = kernel()
  for (const pages of sinks.keys()) calls.freePages(pages)
  sinks.clear()
}

function badSize(what: string, bytes: number): MigrationError {
  return new MigrationError(
    'ERR_INTERNAL',
    `Cannot build pages: a ${what} has ${bytes} bytes, expected 1 to ${MAX_KEY_BYTES}`,
  )
}

function outOfOrder(what: string, got: Uint8Array, last: Uint8Array): MigrationError {
  const [a, b] = [got, last].map((bytes) => Buffer.from(bytes).toString('hex'))
  return new MigrationError('ERR_INTERNAL', `Cannot build pages: ${what} ${a} is out of order, last key is ${b}`)
}

/** Takes the finished pages of a stream from the kernel. */
class PageStream implements PageSink {
  readonly leaves = new LeafList()
  /** A value of JavaScript's for overflow pages. */
  large: Uint8Array | null = null

  constructor(readonly out: ChunkWriter) {}

  putPage(page: number, refs: number, refCount: number, isLeaf: number): number {
    const { mem, view } = kernel()
    const number = this.out.putPage(mem.subarray(page, page + PAGE_BYTES), view, refs, refCount)
    if (isLeaf === 1) {
      const node = page + view.getUint16(page + PAGE_HEADER_BYTES, true)
      const start = node + NODE_HEADER_BYTES
      this.leaves.add(mem, start, start + view.getUint16(node + 6, true), number)
    }
    return number
  }

  putRun(value: number, valueBytes: number): number {
    const { large } = this
    if (value !== 0 || large === null) return this.out.putRun(kernel().mem.subarray(value, value + valueBytes))
    this.large = null
    return this.out.putRun(large)
  }
}

/** First keys and numbers of the leaf pages, in growing arrays. */
class LeafList {
  private readonly keys = new ByteListBuilder()
  private pages = new Uint32Array(1 << 7)

  add(buf: Uint8Array, start: number, end: number, page: number): void {
    const { count } = this.keys
    if (count === this.pages.length) this.pages = grown(this.pages, new Uint32Array(2 * count))
    this.pages[count] = page
    this.keys.add(buf, start, end)
  }

  pack(): Pick<LeafSummary, 'keys' | 'keyEnds' | 'pages'> {
    const { bytes: keys, ends: keyEnds } = this.keys.pack()
    return { keys, keyEnds, pages: this.pages.slice(0, this.keys.count) }
  }
}
