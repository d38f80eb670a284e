import type { ErrorCode } from '../layout/error-record.js'

/** Why a splice has no node edit: `ROW` when it is not msgpack, no `[type, info]`, or has no usable ndef. */
export type SpliceFailCode = Extract<ErrorCode, 'ROW' | 'FORM' | 'STORTYPE' | 'EDIT' | 'NULL'>

/** A splice that was left out of the node edits. */
export interface SpliceFailure {
  readonly offset: number
  readonly code: SpliceFailCode
  readonly message: string
  /** What could not be found in the model, by which a repeated message is known: `form`, `form:prop` or the tag prop. */
  readonly subject: string
  /** Whether the form or prop is one that an older 0.1.x model had. */
  readonly oldModel: boolean
  /** The splice's msgpack, a copy. */
  readonly splice: Uint8Array
}

/** One node edit with its meta. Its bytes hold only until the sink returns. */
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
  /** Of the group's last splice that is no failure. */
  readonly lastOffset: number
  /** Splices in it. */
  readonly splices: number
}

/** Takes what splices become. */
export interface SpliceSink {
  nodeEdit(edit: NodeEdit): void
  failure(failure: SpliceFailure): void
}
