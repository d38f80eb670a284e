import type { AcceptedErrors } from '../dest/accepted-errors.js'
import { ErrorCounts } from '../dest/error-counts.js'
import type { StreamResult } from '../dest/slab-build.js'
import { type PackedRecord, release, type StreamMessage } from '../thread/chunk-sender.js'
import type { LayerWriter } from '../writer/layer-writer.js'
import { NoWriter } from './no-writer.js'

type Args<Name extends keyof LayerWriter> = Parameters<LayerWriter[Name]>[0]

/** Replaces the writer when nothing should be written: takes what tasks send, and counts their errors. */
export class DryWriter extends NoWriter implements LayerWriter {
  readonly errors: ErrorCounts
  private readonly records = new Map<string, readonly PackedRecord[]>()

  constructor(accepted: AcceptedErrors | null) {
    super()
    this.errors = new ErrorCounts(accepted)
  }

  /** Drops the pages, and keeps the errors until the stream is committed. */
  receive({ slab, stream, port, credits }: Args<'receive'>): Promise<StreamResult> {
    return new Promise((resolve) => {
      port.on('message', (message: StreamMessage) => {
        if (message.chunk !== null) release(credits, message.chunk.bytes.length)
        if (message.type === 'chunk') return
        this.records.set(`${slab} ${stream}`, message.records)
        const { entries, pageCount } = message.summary
        port.close()
        resolve({ entries, pages: pageCount })
      })
    })
  }

  async commit({ slab, streams }: Args<'commit'>): Promise<void> {
    for (const { stream } of streams) {
      const key = `${slab} ${stream}`
      for (const record of this.records.get(key) ?? []) this.errors.addPacked(record)
      this.records.delete(key)
    }
  }

  async commitRuns(): Promise<void> {}
  drop(): void {}
}
