import { decode, MsgpackError, type Value } from '../bytes/msgpack.js'
import { packErrorRecord } from '../layout/error-record.js'
import type { PackedRecord } from '../thread/chunk-sender.js'
import type { SpliceFailure } from '../translate/splice-sink.js'

/**
 * The record of a failed splice, under the layer's iden and the splice's offset. It holds the splice, raw if it cannot
 * be decoded.
 */
export function spliceErrorRecord(layer: string, failure: SpliceFailure): PackedRecord {
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
  } catch (error) {
    if (error instanceof MsgpackError) return bytes
    throw error
  }
}
