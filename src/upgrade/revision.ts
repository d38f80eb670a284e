import type { Value } from '../bytes/msgpack.js'
import type { Model } from '../model/model.js'
import type { Version } from '../slab/version.js'

/** A form and a value of it. */
export type Ndef = readonly [form: string, valu: Value]

/**
 * One step of the 0.1.x layer model, as pure functions from old names and values to new ones. Nodes, references to
 * them, and old splices all use the same functions, so they agree. Forms and props come in under their old names.
 */
export interface LayerRevision {
  /** The `layer:model:version` of a layer after this step. */
  readonly version: Version
  /** What it changes; completes "changes …". */
  readonly what: string
  /** Forms and props whose values it may change, by their old names; prop '' means the form's own value. */
  touches(model: Model): Iterable<readonly [form: string, prop: string]>
  ndef(model: Model, ndef: Ndef): Ndef
  /** @param form the form's new name, as `ndef()` returns it */
  prop(model: Model, form: string, name: string, valu: Value): readonly [name: string, valu: Value]
}
