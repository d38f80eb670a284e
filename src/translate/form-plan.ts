import { encode } from '../bytes/msgpack.js'
import { SpanMap } from '../bytes/span-map.js'
import type { Form } from '../model/model.js'
import type { NameTable } from './name-table.js'
import type { RowForm } from './node-rows.js'
import { packedName } from './source-node.js'

/** How a value is indexed: by its stortype, under a group, and under a second one (-1: none). */
export interface ValuePlan {
  readonly stortype: number
  readonly group: number
  readonly univGroup: number
}

/** What a form's nodes need, looked up once. */
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

/** What the values of a property need. `nameSkip` bytes of the source row's name are not part of the destination's. */
export class PropPlan implements ValuePlan {
  readonly storBytes: Uint8Array

  constructor(
    readonly stortype: number,
    readonly group: number,
    readonly univGroup: number,
    readonly nameSkip = 0,
    /** Whether the reference stores its values as another type: that of a tag prop without its options (D12). */
    readonly isTyped = false,
  ) {
    this.storBytes = encode(stortype)
  }
}
