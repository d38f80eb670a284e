import type { MessagePort } from 'node:worker_threads'
import { decode, MsgpackError, type Value } from '../../bytes/msgpack.js'
import { packErrorRecord } from '../../layout/error-record.js'
import type { ModelData } from '../../model/model.js'
import { LeafBuilder } from '../../page/leaf-builder.js'
import { extractSplices, type SpliceExtractResult } from '../../stream/splice-extract.js'
import { workerStortypes } from '../../stream/worker-state.js'
import { ChunkSender, type Credits, type PackedRecord } from '../../thread/chunk-sender.js'
import type { SpliceFailure } from '../../translate/splices.js'

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
  /** Of the failures those whose form or prop an older model had. */
  readonly oldFailures: number
  /** Distinct messages for the log, each once. */
  readonly messages: readonly string[]
}

/** Translates a range of a splice log and sends the finished pages of `nodeedits`, its rows numbered from 0. */
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
      records.push(recordOf(input.layer, failure))
      const known = failure.subject === '' ? failure.message : `${failure.code} ${failure.subject}`
      if (!messages.has(known)) messages.set(known, failure.message)
    },
  })
  sender.end(builder.finish(), records)
  return { ...result, oldFailures, messages: [...messages.values()] }
}

/** A failed splice under the layer's iden and its own offset, with the splice itself: as it is when it cannot be decoded. */
function recordOf(layer: string, failure: SpliceFailure): PackedRecord {
  const { code, message: mesg, offset, splice: raw } = failure
  const key = `${layer}:${String(offset).padStart(16, '0')}`
  return packErrorRecord('splices', Buffer.from(key), { mesg, code, layer, raw }, [
    ['offset', offset],
    ['splices', [decodedOrRaw(raw)]],
  ])
}

function decodedOrRaw(bytes: Uint8Array): Value {
  try {
    return decode(bytes)
  } catch (err) {
    if (err instanceof MsgpackError) return bytes
    throw err
  }
}
