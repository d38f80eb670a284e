import type { MessagePort } from 'node:worker_threads'
import { type Credits, makeCredits, release, type StreamMessage } from '../thread/chunk-sender.js'

/** Stands in for the writer thread: takes finished pages as fast as they come, and counts them. */
export class NullPort {
  readonly credits = makeCredits(Number.MAX_SAFE_INTEGER)
  bytes = 0
  entries = 0

  /** @param take gets each message, for those who need the pages themselves */
  constructor(private readonly take: (message: StreamMessage) => void = () => {}) {}

  /** What a task's input needs of it. */
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
