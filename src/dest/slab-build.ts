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

/** Streams that the writer makes itself are numbered from here on; those of tasks are below. */
const OWN_STREAMS = 2 ** 30

/** What became of a stream once its last page is placed. */
export interface StreamResult {
  readonly entries: number
  readonly pages: number
}

/** A stream whose pages are on their way. */
interface Stream {
  summary: LeafSummary | null
  records: PackedRecord[]
  /** Number of the first row of a stream whose keys are numbered through; null while it is unknown. */
  keyBase: number | null
  readonly waiting: PageChunk[]
  readonly finished: Promise<StreamResult>
  finish: (result: StreamResult) => void
  fail: (err: unknown) => void
}

/**
 * A destination slab on its way: pages are placed in a directory of their own, which takes the slab's name when it is
 * complete. So the slab exists as a whole or not at all.
 */
export class SlabBuild {
  private readonly builder: SlabFileBuilder
  private readonly streams = new Map<number, Stream>()
  /** Of each complete stream the number of the row behind its last one. */
  private readonly ends = new Map<number, number>()
  private readonly errors = new Map<number, PackedRecord[]>()
  private ownStreams = OWN_STREAMS

  /** @param streams those of an interrupted build to continue with, or null for a new one */
  constructor(dir: string, streams: readonly StreamState[] | null) {
    this.builder = streams === null ? createAt(dir) : SlabFileBuilder.resume(dir, streams)
    for (const { stream, keyBase, leaves } of streams ?? []) this.ends.set(stream, keyBase + (leaves?.entries ?? 0))
  }

  /**
   * Takes the pages of a task from its port; resolves when the last is placed.
   *
   * @param previous for streams whose 8-byte keys are numbered through: the one before, or null for the first
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
      if (message.chunk !== null) {
        stream.waiting.push(message.chunk)
        // Held chunks must not use up the credits: the stream that they wait for needs them.
        release(credits, message.chunk.bytes.length)
      }
      if (message.type === 'end') {
        stream.summary = message.summary
        stream.records = message.records
        // It stays open else, though its other end is closed, and each message to this thread costs a look at all that are open.
        port.close()
      }
      this.placeWaiting(id, stream, isNumbered)
    })
    return stream.finished
  }

  /** Gives up a stream: its pages are used again. */
  drop(id: number): void {
    this.ends.delete(id)
    this.errors.delete(id)
    this.builder.drop(id)
  }

  /** The errors of a complete stream, once: they are kept until then. */
  takeRecords(id: number): PackedRecord[] {
    assert(this.ends.has(id), () => `stream ${id} has not ended`)
    const records = this.errors.get(id) ?? []
    this.errors.delete(id)
    return records
  }

  /** Makes everything placed so far durable; more may be placed meanwhile. */
  sync(): Promise<void> {
    return this.builder.syncBehind()
  }

  /** Where an ended stream lies. */
  stateOf(id: number): StreamState {
    return this.builder.stateOf(id)
  }

  /** Declares a database made of complete streams in key order. */
  finishDb(name: string, dupSort: boolean, ids: readonly number[]): void {
    this.builder.finishDb(name, dupSort, this.builder.keptParts(ids))
    for (const id of ids) this.ends.delete(id)
  }

  /** Makes a small database of rows in key order. */
  rowsDb(name: string, dupSort: boolean, rows: Iterable<readonly [Uint8Array, Uint8Array]>): void {
    this.ownDb(name, dupSort, (builder) => {
      for (const [key, value] of rows) builder.add(key, 0, key.length, value, 0, value.length)
    })
  }

  /** Makes the two databases of an abbreviation namespace: the place of a name is its abbreviation. */
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

  /** Completes the file and makes it durable; `installSlab()` then gives it its name. */
  finish(): void {
    this.builder.finish()
  }

  close(): void {
    this.builder.close()
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

  /** What goes wrong here is the stream's: thrown in an event, it would end the thread without a name. */
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
    for (const chunk of stream.waiting) {
      if (isNumbered) this.builder.place(id, chunk, stream.keyBase)
      else this.builder.place(id, chunk)
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
    // Its code may be any: Node.js reports a directory that could not be made as one that is not there.
    throw new MigrationError('ERR_DEST', `Cannot make slab "${dir}": ${(cause as Error).message}`, {
      cause,
      hint: 'Check the disk of the destination and its free space, then run the same command with --from-last',
    })
  }
}

/**
 * Gives a finished slab its name; one that is there already is replaced. May be repeated: an earlier process may have
 * come to its end in the middle of it.
 *
 * @returns whether the slab is there
 */
export function installSlab(dir: string, finalDir: string): boolean {
  const aside = `${finalDir}.replaced`
  if (existsSync(join(dir, 'data.mdb'))) {
    rmSync(aside, { recursive: true, force: true })
    mkdirSync(dirname(finalDir), { recursive: true, mode: 0o700 })
    if (existsSync(finalDir)) renameSync(finalDir, aside)
    renameSync(dir, finalDir)
  }
  if (!existsSync(join(finalDir, 'data.mdb'))) return false
  ensureOptsYaml(finalDir)
  syncPath(dirname(finalDir))
  rmSync(aside, { recursive: true, force: true })
  rmSync(leafPath(dir), { force: true })
  return true
}
