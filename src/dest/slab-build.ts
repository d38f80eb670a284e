import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { type ByteList, startOf } from '../bytes/byte-list.js'
import { viewOf } from '../bytes/spans.js'
import { assert, MigrationError } from '../errors.js'
import { LeafBuilder } from '../page/leaf-builder.js'
import { leafPath } from '../page/leaf-file.js'
import type { LeafSummary, PageChunk, StreamState } from '../page/page-chunk.js'
import { SlabFileBuilder } from '../page/slab-file-builder.js'
import { ensureOptsYaml } from '../slab/opts-yaml.js'
import { syncPath } from '../slab/write-whole.js'
import { type Credits, type PackedRecord, release, type StreamMessage } from '../thread/chunk-sender.js'
import { giveBack, noteOwner } from '../thread/page-buffers.js'

/** Numbers from here on are for streams that the writer makes itself; tasks use lower ones. */
const OWN_STREAMS = 2 ** 30

/** The result of a stream whose pages are all placed. */
export interface StreamResult {
  readonly entries: number
  readonly pages: number
}

/** A stream whose pages are still coming. */
interface Stream {
  summary: LeafSummary | null
  records: PackedRecord[]
  /** For a stream with numbered keys, the number of its first row; null while we do not know it. */
  keyBase: number | null
  readonly waiting: { readonly chunk: PageChunk; readonly thread: number }[]
  readonly finished: Promise<StreamResult>
  finish: (result: StreamResult) => void
  fail: (err: unknown) => void
}

/**
 * A destination slab under construction. Its pages go into a separate directory, which gets the slab's name when it is
 * complete. So there is either a whole slab or none.
 */
export class SlabBuild {
  private readonly builder: SlabFileBuilder
  private readonly streams = new Map<number, Stream>()
  /** For each complete stream, the row number that follows its last row. */
  private readonly ends = new Map<number, number>()
  private readonly errors = new Map<number, PackedRecord[]>()
  private ownStreams = OWN_STREAMS

  /** @param streams the streams of an interrupted build to continue, or null for a new build */
  constructor(dir: string, streams: Iterable<StreamState> | null) {
    this.builder = streams === null ? createAt(dir) : SlabFileBuilder.resume(dir, this.ended(streams))
  }

  /**
   * Receives the pages of a task from its port; resolves when the last one is placed.
   *
   * @param previous for streams with numbered 8-byte keys: the stream before, or null for the first
   */
  receive(id: number, port: MessagePort, credits: Credits, previous?: number | null): Promise<StreamResult> {
    const stream = this.open(id)
    const isNumbered = previous !== undefined
    if (!isNumbered || previous === null) stream.keyBase = 0
    else if (this.ends.has(previous)) stream.keyBase = this.ends.get(previous) as number
    else {
      this.stream(previous).finished.then(() => {
        stream.keyBase = this.ends.get(previous) as number
        this.placeWaiting(id, stream, isNumbered)
      }, stream.fail)
    }
    port.on('message', (message: StreamMessage) => {
      noteOwner(message)
      if (message.chunk !== null) {
        stream.waiting.push({ chunk: message.chunk, thread: message.thread })
        // Chunks that we hold back must not use up the credits: the stream that they wait for needs some.
        release(credits, message.chunk.bytes.length)
      }
      if (message.type === 'end') {
        stream.summary = message.summary
        stream.records = message.records
        // Close it: otherwise the port stays open although its other end is closed, and each message to this thread
        // makes Node check all open ports.
        port.close()
      }
      this.placeWaiting(id, stream, isNumbered)
    })
    return stream.finished
  }

  /** Gives up a stream; its pages will be reused. */
  drop(id: number): void {
    this.ends.delete(id)
    this.errors.delete(id)
    this.builder.drop(id)
  }

  /** Returns the errors of a complete stream and forgets them. */
  takeRecords(id: number): PackedRecord[] {
    assert(this.ends.has(id), () => `stream ${id} has not ended`)
    const records = this.errors.get(id) ?? []
    this.errors.delete(id)
    return records
  }

  /** Makes everything placed so far durable. More may be placed in the meantime. */
  sync(): Promise<void> {
    return this.builder.syncBehind()
  }

  /** Where a complete stream is. */
  stateOf(id: number): StreamState {
    return this.builder.stateOf(id)
  }

  /** Finishes a database from complete streams in key order. */
  finishDb(name: string, dupSort: boolean, ids: readonly number[]): void {
    this.builder.finishDb(name, dupSort, this.builder.keptParts(ids))
    for (const id of ids) this.ends.delete(id)
  }

  /** Makes a small database from rows in key order. */
  rowsDb(name: string, dupSort: boolean, rows: Iterable<readonly [Uint8Array, Uint8Array]>): void {
    this.ownDb(name, dupSort, (builder) => {
      for (const [key, value] of rows) builder.add(key, 0, key.length, value, 0, value.length)
    })
  }

  /** Makes the two databases of a kind of abbreviation. The index of a name is its abbreviation. */
  abrvDbs(space: string, names: ByteList): void {
    const { bytes, ends } = names
    const abrv = Buffer.alloc(8)
    const view = viewOf(abrv)
    this.ownDb(`${space}:byts2abrv`, false, (builder) => {
      for (let i = 0; i < ends.length; i++) {
        view.setUint32(4, i)
        builder.add(bytes, startOf(names, i), ends[i], abrv, 0, 8)
      }
    })
    this.ownDb(`${space}:abrv2byts`, false, (builder) => {
      for (let i = 0; i < ends.length; i++) {
        view.setUint32(4, i)
        builder.add(abrv, 0, 8, bytes, startOf(names, i), ends[i])
      }
    })
  }

  /** Completes the file and makes it durable. Afterwards `installSlabs()` gives it its name. */
  finish(): void {
    this.builder.finish()
  }

  close(): void {
    this.builder.close()
  }

  private *ended(streams: Iterable<StreamState>): Generator<StreamState> {
    for (const state of streams) {
      this.ends.set(state.stream, state.keyBase + (state.leaves?.entries ?? 0))
      yield state
    }
  }

  private ownDb(name: string, dupSort: boolean, fill: (builder: LeafBuilder) => void): void {
    const id = this.ownStreams++
    const builder = new LeafBuilder({ dupSort, emit: (chunk) => this.builder.place(id, chunk) })
    fill(builder)
    this.builder.finishDb(name, dupSort, [{ stream: id, summary: builder.finish() }])
  }

  private open(id: number): Stream {
    let finish: (result: StreamResult) => void = () => {}
    let fail: (err: unknown) => void = () => {}
    const finished = new Promise<StreamResult>((resolve, reject) => {
      finish = resolve
      fail = reject
    })
    const stream: Stream = { summary: null, records: [], keyBase: null, waiting: [], finished, finish, fail }
    this.streams.set(id, stream)
    return stream
  }

  private stream(id: number): Stream {
    const stream = this.streams.get(id)
    assert(stream !== undefined, () => `stream ${id} is unknown`)
    return stream
  }

  /**
   * Errors here must go to the stream: if thrown in an event handler, they would end the thread without a clear cause.
   */
  private placeWaiting(id: number, stream: Stream, isNumbered: boolean): void {
    try {
      this.placeAll(id, stream, isNumbered)
    } catch (err) {
      stream.waiting.length = 0
      stream.fail(err)
    }
  }

  private placeAll(id: number, stream: Stream, isNumbered: boolean): void {
    if (stream.keyBase === null) return
    for (const { chunk, thread } of stream.waiting) {
      if (isNumbered) this.builder.place(id, chunk, stream.keyBase)
      else this.builder.place(id, chunk)
      giveBack(thread, chunk.bytes)
    }
    stream.waiting.length = 0
    if (stream.summary === null) return
    const { entries, pageCount } = stream.summary
    this.builder.keep(id, stream.summary)
    this.streams.delete(id)
    this.ends.set(id, stream.keyBase + entries)
    if (stream.records.length > 0) this.errors.set(id, stream.records)
    stream.finish({ entries, pages: pageCount })
  }
}

function createAt(dir: string): SlabFileBuilder {
  try {
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(dirname(dir), { recursive: true, mode: 0o700 })
    return SlabFileBuilder.create(dir)
  } catch (cause) {
    // The error code does not help: Node.js reports a directory that could not be created as one that does not exist.
    throw new MigrationError('ERR_DEST', `Cannot make slab "${dir}": ${(cause as Error).message}`, {
      cause,
      hint: 'Check the disk of the destination and its free space, then run the same command with --from-last',
    })
  }
}

/** A slab's build directory, and its final place. */
export interface InstalledSlab {
  readonly dir: string
  readonly finalDir: string
}

/**
 * Gives finished slabs their names and replaces existing ones. May run again, as an earlier process may have stopped
 * halfway.
 *
 * @returns whether all slabs are there
 */
export function installSlabs(slabs: readonly InstalledSlab[]): boolean {
  const placed = slabs.filter(place)
  for (const dir of new Set(placed.map(({ finalDir }) => dirname(finalDir)))) syncPath(dir)
  for (const { dir, finalDir } of placed) {
    rmSync(asideOf(finalDir), { recursive: true, force: true })
    rmSync(leafPath(dir), { force: true })
  }
  return placed.length === slabs.length
}

/** Returns whether the slab is there. */
function place({ dir, finalDir }: InstalledSlab): boolean {
  const aside = asideOf(finalDir)
  if (existsSync(join(dir, 'data.mdb'))) {
    rmSync(aside, { recursive: true, force: true })
    mkdirSync(dirname(finalDir), { recursive: true, mode: 0o700 })
    if (existsSync(finalDir)) renameSync(finalDir, aside)
    renameSync(dir, finalDir)
  }
  if (!existsSync(join(finalDir, 'data.mdb'))) return false
  ensureOptsYaml(finalDir)
  return true
}

function asideOf(finalDir: string): string {
  return `${finalDir}.replaced`
}
