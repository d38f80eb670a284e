import type { MessagePort } from 'node:worker_threads'
import { ChunkSender, type Credits } from '../../thread/chunk-sender.js'
import { readStreamFile } from '../parts/stream-file.js'

export interface SendStreamInput {
  readonly path: string
  readonly stream: number
  readonly port: MessagePort
  readonly credits: Credits
}

/** Sends what another process has made of a piece, as the task that made it would. Returns what that has returned. */
export function sendStream({ path, stream, port, credits }: SendStreamInput): unknown {
  const sender = new ChunkSender(port, stream, credits)
  const { summary, records, result } = readStreamFile(path, (chunk) => sender.send(chunk))
  sender.end(summary, [...records])
  return result
}
