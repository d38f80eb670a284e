import { buid } from '../bytes/hash.js'
import { decode, encode, skip, type Value } from '../bytes/msgpack.js'
import type { Model } from '../model/model.js'
import { strictText } from '../translate/source-node.js'
import type { LayerRevision, Ndef } from './revision.js'

const STAR = 0x2a
const HASH = 0x23
/** A 0.1.x index, the second item of a row's `[valu, indx]`. Nothing here reads it. */
const NO_INDEX = encode(null)

/** A row of the 0.1.x `bybuid`: its key after the buid, and the msgpack of `[valu, indx]`. */
export interface OldRow {
  readonly name: Uint8Array
  readonly value: Uint8Array
}

/** The ndef after all revisions. */
export function upgradedNdef(model: Model, revisions: readonly LayerRevision[], ndef: Ndef): Ndef {
  return revisions.reduce((now, revision) => revision.ndef(model, now), ndef)
}

/** The ndef in a form row, or null when the row holds something else. */
export function ndefOf({ name, value }: OldRow): Ndef | null {
  if (name[0] !== STAR) return null
  const form = strictText(name.subarray(1))
  const valu = valuOf(value)
  return form === null || valu === undefined ? null : [form, valu]
}

export function buidOf([form, valu]: Ndef): Uint8Array {
  return buid([form, valu])
}

/**
 * The rows of a node after all revisions. Rows that they do not change, or that we cannot read, keep their exact bytes.
 *
 * @param form the node's form by its old name
 */
export function upgradedRows(
  model: Model,
  revisions: readonly LayerRevision[],
  form: string,
  rows: readonly OldRow[],
): OldRow[] {
  return rows.map((row) => {
    if (row.name[0] === HASH) return row
    if (row.name[0] === STAR) return formRow(model, revisions, row)
    return propRow(model, revisions, form, row)
  })
}

function formRow(model: Model, revisions: readonly LayerRevision[], row: OldRow): OldRow {
  const ndef = ndefOf(row)
  if (ndef === null) return row
  const [form, valu] = upgradedNdef(model, revisions, ndef)
  const name = form === ndef[0] ? row.name : Buffer.from(`*${form}`)
  return changedRow(row, name, withValu(row.value, ndef[1], valu))
}

function propRow(model: Model, revisions: readonly LayerRevision[], form: string, row: OldRow): OldRow {
  const text = strictText(row.name)
  const before = valuOf(row.value)
  if (text === null || before === undefined) return row
  let [name, valu] = [text, before]
  let now: Ndef = [form, null]
  for (const revision of revisions) {
    now = revision.ndef(model, now)
    ;[name, valu] = revision.prop(model, now[0], name, valu)
  }
  return changedRow(row, name === text ? row.name : Buffer.from(name), withValu(row.value, before, valu))
}

/** Returns the row itself when nothing changes. */
function changedRow(row: OldRow, name: Uint8Array, value: Uint8Array): OldRow {
  return name === row.name && value === row.value ? row : { name, value }
}

function withValu(row: Uint8Array, before: Value, valu: Value): Uint8Array {
  if (valu === before) return row
  const packed = encode(valu)
  if (Buffer.compare(packed, encode(before)) === 0) return row
  return Buffer.concat([Buffer.of(0x92), packed, NO_INDEX])
}

/** Element 0 of a row's `[valu, indx]`; undefined when the row is not such a pair. */
function valuOf(row: Uint8Array): Value | undefined {
  try {
    const pair = decode(row)
    return Array.isArray(pair) && pair.length === 2 && skip(row, 0, row.length) === row.length ? pair[0] : undefined
  } catch {
    return undefined
  }
}
