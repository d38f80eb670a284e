import type { Value } from '../bytes/msgpack.js'
import { ModelError, PyList } from '../norm-error.js'
import { pyLess } from '../python/order.js'
import { splitOnce } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, modelError, type Opts, Type, type TypeModel } from './type.js'

/** A minimum and a maximum of one type. */
export class Range extends Type {
  readonly stortype = StorType.msgp
  /** The type of both values. */
  readonly subtype: Type

  constructor(model: TypeModel, name: string, opts: Opts, subof: string | null) {
    super(model, name, opts, subof)
    this.subtype = this.findSubtype(opts.type)
  }

  override isNormed(value: Value): boolean {
    if (!Array.isArray(value) || value.length !== 2) return false
    const [min, max] = value
    return (
      typeof min === 'number' && typeof max === 'number' && min <= max && value.every((v) => this.subtype.isNormed(v))
    )
  }

  override get byteCheck(): ByteCheck | null {
    return this.subtype.byteCheck?.kind === 'int'
      ? { kind: 'ordered', low: 0, items: [this.subtype, this.subtype] }
      : null
  }

  protected override ofText(text: string): Value {
    const items = splitOnce(text, '-')
    return this.ofItems(items, new PyList(items))
  }

  protected override ofArray(items: readonly Value[]): Value {
    return this.ofItems(items, items as Value[])
  }

  private ofItems(items: readonly Value[], valu: Value | PyList): Value {
    if (items.length !== 2) throw this.bad(`Must be a 2-tuple of type ${this.subtype.name}`, valu)
    const min = this.subtype.normValue(items[0])
    const max = this.subtype.normValue(items[1])
    if (this.isAbove(min, max)) throw this.bad('minval cannot be greater than maxval', valu)
    return [min, max]
  }

  protected isAbove(min: Value, max: Value): boolean {
    return pyLess(max, min)
  }

  private findSubtype(def: unknown): Type {
    if (!Array.isArray(def) || def.length !== 2) throw modelError('BadTypeDef', { name: this.name })
    const [name, opts] = def as [string, Opts]
    const base = this.model.type(name)
    try {
      if (base !== undefined) return this.model.clone(base, opts)
    } catch (error) {
      if (!(error instanceof ModelError)) throw error
    }
    throw modelError('BadTypeDef', { name: this.name, mesg: 'subtype invalid or unavailable' })
  }
}
