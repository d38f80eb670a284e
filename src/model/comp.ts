import type { Value } from '../bytes/msgpack.js'
import { StorType } from '../stortype/registry.js'
import { NormError, PyList } from './norm-error.js'
import { modelError, type Opts, Type } from './type.js'

type Field = readonly [string, string | readonly [string, Opts]]

/** An array of one value of each field's type, in order; with `sepr` also a text of them. */
export class Comp extends Type {
  readonly stortype = StorType.msgp
  #types: (Type | undefined)[] = []

  override isNormed(value: Value): boolean {
    const { fields } = this
    if (fields === undefined || !Array.isArray(value) || value.length !== fields.length) return false
    return value.every((item, i) => this.fieldType(i).isNormed(item))
  }

  override keeps(value: Value): boolean {
    const { fields } = this
    if (fields === undefined || !Array.isArray(value) || value.length !== fields.length) return false
    return value.every((item, i) => this.fieldType(i).keeps(item))
  }

  protected override ofText(text: string): Value {
    const { sepr } = this.opts as { sepr?: string | null }
    if (sepr === undefined || sepr === null) return super.ofText(text)
    const items = text.split(sepr)
    return this.ofItems(items, new PyList(items))
  }

  protected override ofArray(items: readonly Value[]): Value {
    return this.ofItems(items, items as Value[])
  }

  private ofItems(items: readonly Value[], valu: Value | PyList): Value {
    if (this.fields === undefined) throw new NormError('TypeError', "object of type 'NoneType' has no len()")
    if (items.length !== this.fields.length) {
      throw this.bad('invalid number of fields given for norming', valu)
    }
    return items.map((item, i) => this.fieldType(i).normValue(item))
  }

  private get fields(): readonly Field[] | undefined {
    return (this.opts.fields ?? undefined) as readonly Field[] | undefined
  }

  /** Fields may name types that come later in the model: they are looked up when first used. */
  private fieldType(index: number): Type {
    this.#types[index] ??= this.findType((this.fields as readonly Field[])[index][1])
    return this.#types[index] as Type
  }

  private findType(def: string | readonly [string, Opts]): Type {
    const [name, opts] = typeof def === 'string' ? [def, {}] : def
    const base = this.model.type(name)
    if (base === undefined) {
      throw modelError('BadTypeDef', { valu: def as string, mesg: 'type is not present in datamodel' })
    }
    return typeof def === 'string' ? base : this.model.clone(base, opts)
  }
}
