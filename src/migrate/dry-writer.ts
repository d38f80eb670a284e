import type { MessagePort } from 'node:worker_threads'
import type { AcceptedErrors } from '../dest/accepted-errors.js'
import { ErrorCounts } from '../dest/error-counts.js'
import { type Credits, type PackedRecord, release, type StreamMessage } from '../thread/chunk-sender.js'
import type { WriterPort } from '../thread/writer-client.js'

/** Stands in for the writer thread when nothing is to be written: takes what tasks send, and counts their errors. */
export class DryWriter implements WriterPort {
  readonly errors: ErrorCounts
  private readonly records = new Map<string, readonly PackedRecord[]>()

  constructor(accepted: AcceptedErrors | null) {
    this.errors = new ErrorCounts(accepted)
  }

  readonly call: WriterPort['call'] = async (method, args) => {
    const answer = await this.answer(method, args)
    return answer as never
  }

  private answer(method: string, args: object): unknown {
    switch (method) {
      case 'receive':
        return this.receive(args as ReceiveArgs)
      case 'commit': {
        const { slab, streams } = args as { slab: string; streams: readonly { stream: number }[] }
        for (const { stream } of streams) this.count(`${slab} ${stream}`)
        return undefined
      }
      case 'installSlabs':
        return true
      case 'checkpoint':
        return null
      default:
        return undefined
    }
  }

  private receive({ slab, stream, port, credits }: ReceiveArgs): Promise<{ entries: number; pages: number }> {
    return new Promise((resolve) => {
      port.on('message', (message: StreamMessage) => {
        if (message.type === 'chunk') {
          release(credits, message.chunk.bytes.length)
          return
        }
        this.records.set(`${slab} ${stream}`, message.records)
        const { entries, pageCount } = message.summary
        port.close()
        resolve({ entries, pages: pageCount })
      })
    })
  }

  private count(stream: string): void {
    for (const record of this.records.get(stream) ?? []) this.errors.addPacked(record)
    this.records.delete(stream)
  }
}

interface ReceiveArgs {
  readonly slab: string
  readonly stream: number
  readonly port: MessagePort
  readonly credits: Credits
}
