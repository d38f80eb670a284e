import type { ErrorCode } from '../layout/error-record.js'

/** Why a splice has no node edit. `ROW`: it is not msgpack, not `[type, info]`, or has no usable ndef. */
export type SpliceFailCode = Extract<ErrorCode, 'ROW' | 'FORM' | 'STORTYPE' | 'EDIT' | 'NULL'>

/** A splice that has no node edit. */
export interface SpliceFailure {
  readonly offset: number
  readonly code: SpliceFailCode
  readonly message: string
  /** What the model lacks, `form`, `form:prop` or the tag prop. We use it to report each only once. */
  readonly subject: string
  /** Whether an older 0.1.x model had the form or prop. */
  readonly oldModel: boolean
  /** A copy of the splice's msgpack. */
  readonly splice: Uint8Array
}

/** A node edit with its meta. Its bytes are valid only until the sink returns. */
export interface NodeEdit {
  readonly buf: Uint8Array
  /** Row of the node edit log, msgpack `[[nodeedit], meta]`: `buf[rowStart, end)`. */
  readonly rowStart: number
  /** `[buid, form, [edit, ...]]`: `buf[editStart, metaStart)`. */
  readonly editStart: number
  /** `{time, user, prov}` of the group's first splice: `buf[metaStart, end)`. */
  readonly metaStart: number
  readonly end: number
  readonly firstOffset: number
  /** The offset of the group's last splice that did not fail. */
  readonly lastOffset: number
  /** How many splices it holds. */
  readonly splices: number
}

/** Takes the results of translating splices. */
export interface SpliceSink {
  nodeEdit(edit: NodeEdit): void
  failure(failure: SpliceFailure): void
}
