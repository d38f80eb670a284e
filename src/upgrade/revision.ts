import type { Value } from '../bytes/msgpack.js'
import type { Model } from '../model/model.js'
import type { Version } from '../slab/version.js'

/** A form and a value of it. */
export type Ndef = readonly [form: string, valu: Value]

/**
 * One step of the layer model of 0.1.x, as what it makes of names and values: pure functions, so that nodes, what points
 * to them, and splices of their time all become the same. Forms and props bear the names of before on the way in.
 */
export interface LayerRevision {
  /** `layer:model:version` of layers that it has been applied to. */
  readonly version: Version
  /** What it changes, in words that follow "changes ". */
  readonly what: string
  /** Forms and props whose values it may change, by their names of before; prop '' is the form's own value. */
  touches(model: Model): Iterable<readonly [form: string, prop: string]>
  ndef(model: Model, ndef: Ndef): Ndef
  /** @param form as `ndef()` names it */
  prop(model: Model, form: string, name: string, valu: Value): readonly [name: string, valu: Value]
}
