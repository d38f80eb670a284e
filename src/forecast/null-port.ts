import type { MessagePort } from 'node:worker_threads'
import { type Credits, makeCredits, release, type StreamMessage } from '../thread/chunk-sender.js'

/** Replaces the writer thread: takes and counts finished pages as fast as they come. */
export class NullPort {
  readonly credits = makeCredits(Number.MAX_SAFE_INTEGER)
  bytes = 0
  entries = 0

  /** @param take gets each message, for callers that need the pages */
  constructor(private readonly take: (message: StreamMessage) => void = () => {}) {}

  /** The part of a task's input that refers to this port. */
  input(): { stream: number; port: MessagePort; credits: Credits } {
    return { stream: 0, port: this as unknown as MessagePort, credits: this.credits }
  }

  postMessage(message: StreamMessage): void {
    if (message.type === 'end') this.entries += message.summary.entries
    if (message.chunk !== null) {
      this.bytes += message.chunk.bytes.length
      release(this.credits, message.chunk.bytes.length)
    }
    this.take(message)
  }

  close(): void {}
}
