import { pyEquals, type Value } from '../bytes/msgpack.js'
import { ModelError } from '../norm-error.js'
import { pySet, pySorted } from '../python/order.js'
import { ARRAY } from '../stortype/registry.js'
import { modelError, type NdefMap, type Opts, Type, type TypeModel } from './type.js'

/** Values of one type. `uniq` drops repeats, `sorted` sorts. */
export class ArrayType extends Type {
  readonly stortype: number
  private readonly item: Type

  constructor(model: TypeModel, name: string, opts: Opts, subof: string | null) {
    super(model, name, opts, subof)
    const { type, typeopts = {} } = opts as { type?: string | null; typeopts?: Opts }
    if (type === undefined || type === null) {
      throw modelError('BadTypeDef', { mesg: 'Array type requires type= option.' })
    }
    const base = model.type(type)
    if (base === undefined) throw new ModelError('AttributeError', "'NoneType' object has no attribute 'clone'")
    this.item = model.clone(base, typeopts)
    if (this.item instanceof ArrayType) throw modelError('BadTypeDef', {})
    this.stortype = ARRAY | this.item.stortype
  }

  override isNormed(value: Value): boolean {
    return (
      Array.isArray(value) && !this.opts.uniq && !this.opts.sorted && value.every((item) => this.item.isNormed(item))
    )
  }

  /** The reference returns unsorted distinct values in random order, so any order is fine. */
  override keeps(value: Value): boolean {
    if (!Array.isArray(value) || !value.every((item) => this.item.keeps(item))) return false
    if (this.opts.uniq && pySet(value).length !== value.length) return false
    return !this.opts.sorted || pyEquals(pySorted(value), value)
  }

  override get holdsNdefs(): boolean {
    return this.item.holdsNdefs
  }

  override mapNdefs(value: Value, map: NdefMap): Value {
    return Array.isArray(value) ? value.map((item) => this.item.mapNdefs(item, map)) : value
  }

  protected override ofArray(items: readonly Value[]): Value {
    let norms: readonly Value[] = items.map((item) => this.item.normValue(item))
    // The reference makes nodes of items that are forms, through a set: they must be hashable.
    if (this.model.form(this.item.name) !== undefined) pySet(norms)
    if (this.opts.uniq) norms = pySet(norms)
    return this.opts.sorted ? pySorted(norms) : [...norms]
  }
}
