import { createHash } from 'node:crypto'
import { decode } from '../../bytes/msgpack.js'
import { SpliceReader } from '../../translate/splice-reader.js'
import type { Raw, RawSplice } from '../api.js'

const reader = new SpliceReader()

/** When the source wrote a splice, epoch ms by its clock; NaN when unknown. */
export function timeOf(splice: RawSplice | undefined): number {
  if (splice === undefined || reader.read(splice, 0, splice.length) !== null || reader.timeStart < 0) return Number.NaN
  const time = decode(splice, reader.timeStart, reader.timeEnd)
  return typeof time === 'number' ? time : Number.NaN
}

/** The bytes of a splice's ndef as a text to compare; null when it has none. */
export function ndefOf(splice: RawSplice): string | null {
  if (reader.read(splice, 0, splice.length) !== null) return null
  return Buffer.from(splice.subarray(reader.ndefStart, reader.ndefEnd)).toString('latin1')
}

/** Identifies a splice, or another row of a log: half a SHA-256, in hex. */
export function digestOf(row: Raw): string {
  return createHash('sha256').update(row).digest('hex').slice(0, 32)
}
