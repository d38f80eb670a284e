import type { Value } from '../bytes/msgpack.js'
import { ModelError, NormError, PyList, synError } from '../norm-error.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, type NdefMap, type Opts, Type } from './type.js'

type Field = readonly [string, string | readonly [string, Opts]]

/** An array with one value per field, in order. With `sepr` it also accepts text joined by that separator. */
export class Comp extends Type {
  readonly stortype = StorType.msgp
  private types: (Type | undefined)[] = []

  override isNormed(value: Value): boolean {
    const { fields } = this
    if (fields === undefined || !Array.isArray(value) || value.length !== fields.length) return false
    return value.every((item, i) => this.knownType(i)?.isNormed(item) ?? false)
  }

  override get byteCheck(): ByteCheck | null {
    const { fields } = this
    return fields === undefined ? null : { kind: 'tuple', items: fields.map((_, i) => this.knownType(i)) }
  }

  override keeps(value: Value): boolean {
    const { fields } = this
    if (fields === undefined || !Array.isArray(value) || value.length !== fields.length) return false
    return value.every((item, i) => this.knownType(i)?.keeps(item) ?? false)
  }

  override get holdsNdefs(): boolean {
    return this.fields?.some((_, i) => this.knownType(i)?.holdsNdefs) ?? false
  }

  override mapNdefs(value: Value, map: NdefMap): Value {
    if (!Array.isArray(value) || value.length !== this.fields?.length) return value
    return value.map((item, i) => this.knownType(i)?.mapNdefs(item, map) ?? item)
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

  /** @throws {NormError} for a field with an unknown type, or with options that make no sense */
  private fieldType(index: number): Type {
    const type = this.knownType(index)
    if (type !== undefined) return type
    const valu = (this.fields as readonly Field[])[index][1] as Value
    throw synError('BadTypeDef', { valu, mesg: 'type is not present in datamodel' })
  }

  /** A field may name a type that the model adds later, so we look it up on first use. */
  private knownType(index: number): Type | undefined {
    this.types[index] ??= this.findType((this.fields as readonly Field[])[index][1])
    return this.types[index]
  }

  private findType(def: string | readonly [string, Opts]): Type | undefined {
    const [name, opts] = typeof def === 'string' ? [def, {}] : def
    const base = this.model.type(name)
    try {
      return base === undefined ? undefined : this.model.clone(base, opts)
    } catch (error) {
      if (error instanceof ModelError) return undefined
      throw error
    }
  }
}
