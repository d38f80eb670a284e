import { encode } from '../bytes/msgpack.js'
import { SpanMap } from '../bytes/span-map.js'
import type { Form } from '../model/model.js'
import type { NameTable } from './name-table.js'
import type { RowForm } from './node-rows.js'
import { packedName } from './source-node.js'

/** How to index a value: its stortype, its group, and a second group (-1: none). */
export interface ValuePlan {
  readonly stortype: number
  readonly group: number
  readonly univGroup: number
}

/** What we need to know to translate a form's nodes, looked up once. */
export class FormPlan implements ValuePlan, RowForm {
  readonly name: string
  readonly nameBytes: Uint8Array
  readonly nameUtf8: Uint8Array
  readonly stortype: number
  readonly storBytes: Uint8Array
  readonly group: number
  readonly univGroup = -1
  readonly props = new SpanMap<PropPlan>()

  constructor(
    readonly form: Form,
    names: NameTable,
  ) {
    this.name = form.name
    this.nameBytes = encode(form.name)
    this.nameUtf8 = Buffer.from(form.name)
    this.stortype = form.stortype
    this.storBytes = encode(form.stortype)
    this.group = names.id(packedName(form.name, null))
  }
}

/**
 * What we need to know to translate values of a property. The destination drops the first `nameSkip` bytes of the
 * source row's name.
 */
export class PropPlan implements ValuePlan {
  readonly storBytes: Uint8Array

  constructor(
    readonly stortype: number,
    readonly group: number,
    readonly univGroup: number,
    readonly nameSkip = 0,
    /** Whether the reference stores its values with another type, because it ignores the options of tag props (D12). */
    readonly isTyped = false,
  ) {
    this.storBytes = encode(stortype)
  }
}
