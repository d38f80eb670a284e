import type { MessagePort, Transferable } from 'node:worker_threads'
import type { LeafSummary, PageChunk } from '../page/page-chunk.js'
import './before-code.js'
import { type BufferOwner, bufferOwner, takeBuffersBack } from './page-buffers.js'

/** What a task sends to the writer thread, each task through its own port. */
export type StreamMessage = BufferOwner &
  (
    | { readonly type: 'chunk'; readonly stream: number; readonly chunk: PageChunk }
    | {
        readonly type: 'end'
        readonly stream: number
        /** All pages of a small stream, or null. */
        readonly chunk: PageChunk | null
        readonly summary: LeafSummary
        readonly records: PackedRecord[]
      }
  )

/** An error for the migration log. Its value is packed, because our value classes would not survive the transfer. */
export interface PackedRecord {
  readonly migrop: string
  readonly key: Uint8Array
  /** msgpack of a map. */
  readonly value: Uint8Array
}

/**
 * A stream of at most this size goes in one message: a message costs both threads more than placing that many pages.
 */
const SMALL_STREAM_BYTES = 1 << 16

/** Bytes on their way to the writer, and their limit; shared by all threads of a run. */
export interface Credits {
  readonly inFlightBytes: Int32Array
  readonly budgetBytes: number
  /** How long tasks waited to send, in microseconds of thread time. The counter wraps around. */
  readonly waitedUs: Int32Array
}

/** @param memoryBytes the budget for all rows in transit; finished pages get an eighth of it */
export function makeCredits(memoryBytes: number): Credits {
  const shared = () => new Int32Array(new SharedArrayBuffer(4))
  return { inFlightBytes: shared(), budgetBytes: Math.floor(memoryBytes / 8), waitedUs: shared() }
}

/**
 * Sends finished pages to the writer thread. Tasks are synchronous, so back-pressure means to block: while the writer
 * is behind by more than the budget, nothing is sent.
 */
export class ChunkSender {
  /** The first chunk, if it may be the only one. */
  private held: PageChunk | null = null
  private isSmall = true

  constructor(
    private readonly port: MessagePort,
    private readonly stream: number,
    private readonly credits: Credits,
  ) {}

  send(chunk: PageChunk): void {
    if (this.isSmall && this.held === null && chunk.bytes.length <= SMALL_STREAM_BYTES) {
      this.held = chunk
      return
    }
    this.isSmall = false
    if (this.held !== null) this.post(this.held)
    this.held = null
    this.post(chunk)
  }

  private post(chunk: PageChunk): void {
    this.take(chunk)
    this.message({ ...bufferOwner(), type: 'chunk', stream: this.stream, chunk })
    takeBuffersBack()
  }

  /** Takes the chunk's bytes from the budget. */
  private take(chunk: PageChunk): void {
    const { inFlightBytes, budgetBytes } = this.credits
    if (Atomics.load(inFlightBytes, 0) > budgetBytes) this.wait()
    Atomics.add(inFlightBytes, 0, chunk.bytes.length)
  }

  private wait(): void {
    const { inFlightBytes, budgetBytes, waitedUs } = this.credits
    const sinceMs = performance.now()
    for (;;) {
      const now = Atomics.load(inFlightBytes, 0)
      if (now <= budgetBytes) break
      Atomics.wait(inFlightBytes, 0, now)
    }
    Atomics.add(waitedUs, 0, Math.round(1000 * (performance.now() - sinceMs)))
  }

  end(summary: LeafSummary, records: PackedRecord[]): void {
    const { held: chunk } = this
    if (chunk !== null) this.take(chunk)
    this.message({ ...bufferOwner(), type: 'end', stream: this.stream, chunk, summary, records })
    this.port.close()
  }

  private message(message: StreamMessage): void {
    const { chunk, returns } = message
    const moved: Transferable[] = chunk === null ? [] : [chunk.bytes.buffer, chunk.fixups.buffer]
    if (returns !== undefined) moved.push(returns)
    this.port.postMessage(message, moved)
  }
}

/** The writer calls this when it has placed a chunk. */
export function release(credits: Credits, bytes: number): void {
  Atomics.sub(credits.inFlightBytes, 0, bytes)
  Atomics.notify(credits.inFlightBytes, 0)
}

/** Takes what a task sends, for a writer that cannot: the task, and all that wait for its bytes to be placed, go on. */
export function discard(port: MessagePort, credits: Credits): void {
  port.on('message', ({ type, chunk }: StreamMessage) => {
    if (chunk !== null) release(credits, chunk.bytes.length)
    if (type === 'end') port.close()
  })
}
