import { encode, PackMap, type Value } from '../bytes/msgpack.js'
import type { PackedRecord } from '../thread/chunk-sender.js'

/** What we tell people about a kind of error. */
interface ErrorKindInfo {
  readonly meaning: string
  /** What to do about it: a sentence without its period. */
  readonly cure: string
  /** True when the user lost nothing visible: we record it, but it does not cause exit code 8. */
  readonly isNote?: true
}

/** All kinds of errors. Each record of the migration log names one. */
export const ERROR_KINDS = {
  FORM: {
    meaning: 'the form is not in the model',
    cure: 'Give the model of its module with --model, to errors --replay or to a new run',
  },
  STORTYPE: {
    meaning: 'a prop or tag prop is not in the model',
    cure: 'Give the model of its module with --model, to errors --replay or to a new run',
  },
  PARTIAL: {
    meaning: 'no layer has the form row of this node',
    cure: 'Migrate again with --map-partial if --no-map-partial was given, or restore the layer that the node is from',
  },
  NODE: {
    meaning: 'node data, whose node was not migrated',
    cure: 'Cure the error of the node: errors --replay adds both',
  },
  NORM: {
    meaning: 'the model norms the form value to something else',
    cure: 'Add the node with its normed value in the 0.1.x Cortex, or migrate again with --safety-off, which keeps it as it is',
  },
  BUID: {
    meaning: 'the form value does not hash to the buid',
    cure: 'Add the node again in the 0.1.x Cortex, or migrate again with --safety-off, which keeps it as it is',
  },
  INDEX: {
    meaning: 'a value cannot be indexed',
    cure: 'Change or delete the value in the 0.1.x Cortex, then migrate again',
  },
  NULL: {
    meaning: 'a value is null, which 2.x cannot hold; the rest of the node was migrated',
    cure: 'Nothing needs to be done, unless the value should be another one: set it in the new Cortex',
  },
  NAME: {
    meaning: 'a tag prop has a name that 2.x cannot read; the rest of the node was migrated',
    cure: 'Set it under another name in the new Cortex',
  },
  ROW: {
    meaning: 'a row cannot be read',
    cure: 'Restore the layer from a backup, or add the node again in the new Cortex',
  },
  EDIT: {
    meaning: 'a splice is of an unknown kind, or lacks a part',
    cure: 'Only this entry of the history is missing: the nodes are not affected',
  },
  OWNER: {
    meaning: 'a trigger or queue names no user who owns it',
    cure: 'Make the trigger, or the gate of the queue, in the new Cortex',
  },
  VIEW: {
    meaning: 'a trigger is for a view that does not exist',
    cure: 'Make the trigger for another view in the new Cortex if it is still needed',
  },
  RULE: {
    meaning: 'a trigger cannot be read',
    cure: 'Make the trigger in the new Cortex',
  },
  INTERNAL: {
    meaning: 'a bug in this program',
    cure: 'Please report it',
  },
  DELETED: {
    meaning: 'node data left over of a node that no layer has any more',
    cure: 'Nothing needs to be done',
    isNote: true,
  },
  NOLOG: {
    meaning: 'the layer has no splice log, so it has no history',
    cure: 'Restore splices.lmdb from a backup if it had one',
    isNote: true,
  },
  PASSWD: {
    meaning: 'boot.yaml set the password of root, which 2.x does not read',
    cure: 'Add the line "auth:passwd: <password>" to cell.yaml, above the "..." at its end',
    isNote: true,
  },
  UNKNOWN: {
    meaning: 'another tool recorded it and named no kind',
    cure: 'See its message, or migrate again with this program',
  },
} as const satisfies Record<string, ErrorKindInfo>

export type ErrorCode = keyof typeof ERROR_KINDS

/** What we tell people about a kind of error. */
export function errorKindInfo(code: ErrorCode): ErrorKindInfo {
  return ERROR_KINDS[code]
}

/** The facts of a record, apart from the content that was lost. */
export interface ErrorFacts {
  /** The reference's text where it has one for this case. */
  readonly mesg: string
  readonly code: ErrorCode
  readonly layer: string
  /** The node's form, if known. */
  readonly form?: string | null
  /** True when we migrated the node anyway, without the part that the message names. */
  readonly kept?: boolean
  /** The original rows or splice, byte for byte. */
  readonly raw?: Value
}

/**
 * The record of something in a layer that we could not migrate: `mesg`, then what the reference keeps of it, then
 * `layer`, `form`, `rule` (the kind), `kept` and `raw`, which only this program writes.
 */
export function packErrorRecord(
  migrop: 'nodes' | 'nodedata' | 'splices',
  key: Uint8Array,
  { mesg, code, layer, form, kept, raw }: ErrorFacts,
  content: readonly [Value, Value][],
): PackedRecord {
  const entries: [Value, Value][] = [['mesg', mesg], ...content, ['layer', layer]]
  if (form !== undefined) entries.push(['form', form])
  entries.push(['rule', code])
  if (kept !== undefined) entries.push(['kept', kept])
  if (raw !== undefined) entries.push(['raw', raw])
  return { migrop, key: Uint8Array.from(key), value: encode(new PackMap(entries)) }
}

/**
 * The record of something that a cell step could not migrate: the reference's `{err, rule or queue}`, and the kind as
 * `code`, because `rule` already holds the trigger.
 */
export function cellError(code: ErrorCode, err: string, content: readonly [Value, Value][]): PackMap {
  return new PackMap([['err', err], ...content, ['code', code]])
}

/** The kind of error that a record names. */
export function codeOf(step: string, val: Value): ErrorCode {
  if (val instanceof PackMap) {
    for (const name of ['code', 'rule']) {
      const code = val.get(name)
      if (isErrorCode(code)) return code
    }
  }
  // Two records that the reference writes without a kind.
  if (step === 'splices' && val === NO_SPLICE_LOG) return 'NOLOG'
  if (step === 'cell') return 'PASSWD'
  return 'UNKNOWN'
}

/** The reference's record of a layer without a splice log, stored under the layer's iden. */
export const NO_SPLICE_LOG = 'noexist'

function isErrorCode(code: Value | undefined): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_KINDS, code)
}
