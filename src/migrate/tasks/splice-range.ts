import type { MessagePort } from 'node:worker_threads'
import type { ModelData } from '../../model/model.js'
import { LeafBuilder } from '../../page/leaf-builder.js'
import { spliceErrorRecord } from '../../stream/splice-error.js'
import { extractSplices, type SpliceExtractResult } from '../../stream/splice-extract.js'
import { workerStortypes } from '../../stream/worker-state.js'
import { ChunkSender, type Credits, type PackedRecord } from '../../thread/chunk-sender.js'

export interface SpliceRangeInput {
  readonly layer: string
  /** Path of the source's `splices.lmdb`. */
  readonly slabPath: string
  readonly start: number
  readonly end: number | null
  readonly model: ModelData
  readonly stream: number
  readonly port: MessagePort
  readonly credits: Credits
}

export interface SpliceRangeCounts extends SpliceExtractResult {
  /** How many of the failures are about a form or prop that an older model had. */
  readonly oldFailures: number
  /** Messages for the log, each only once. */
  readonly messages: readonly string[]
}

/** Translates a range of a splice log and sends the finished pages of `nodeedits`, with rows numbered from 0. */
export function extractSpliceRange(input: SpliceRangeInput): SpliceRangeCounts {
  const sender = new ChunkSender(input.port, input.stream, input.credits)
  const builder = new LeafBuilder({ dupSort: false, emit: (chunk) => sender.send(chunk) })
  const records: PackedRecord[] = []
  const messages = new Map<string, string>()
  let oldFailures = 0
  const result = extractSplices({
    slabPath: input.slabPath,
    start: input.start,
    end: input.end,
    stortypes: workerStortypes(input.model),
    rows: builder,
    failure: (failure) => {
      if (failure.oldModel) oldFailures++
      records.push(spliceErrorRecord(input.layer, failure))
      const known = failure.subject === '' ? failure.message : `${failure.code} ${failure.subject}`
      if (!messages.has(known)) messages.set(known, failure.message)
    },
  })
  sender.end(builder.finish(), records)
  return { ...result, oldFailures, messages: [...messages.values()] }
}
