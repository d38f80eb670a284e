import { Float, PackMap, pyEquals, RawStr, type Value } from '../bytes/msgpack.js'
import { ModelError, NormError, type PyList, synError } from '../norm-error.js'
import type { Int } from '../python/number.js'
import { shield, unshield, unshieldRepr } from '../python/text.js'

/** An option of a type as plain data; a float is `{ $f: text }`, as in value-json.ts. */
export type Opt = null | boolean | number | bigint | string | readonly Opt[] | { readonly [name: string]: Opt }

export type Opts = { readonly [name: string]: Opt }

/** What a type asks of the model that it is part of. */
export interface TypeModel {
  /** What "now" is in a text, in ms since 1970: stored values never depend on it. */
  readonly now: number

  type(name: string): Type | undefined

  form(name: Value): { readonly name: string; readonly type: Type } | undefined

  /** A form, a universal property or a property of a form, by its full name. */
  prop(name: Value): { readonly full: string; readonly type: Type } | undefined

  /** A type with further options. @throws {ModelError} */
  clone(base: Type, opts: Opts): Type
}

/** Makes another ndef of one. */
export type NdefMap = (form: string, valu: Value) => readonly [string, Value]

/** One exception of Synapse's own that says what is wrong with a model. */
export function modelError(errName: string, fields: { readonly [field: string]: Value }): ModelError {
  return new ModelError(errName, synError(errName, fields).message)
}

/**
 * A type of the data model. `normValue` dispatches by the Python type of the value to the `of…` methods, as the reference
 * does; a subclass has those that the reference's class registers.
 */
export abstract class Type {
  abstract readonly stortype: number

  /** @param subof the type that this one extends, by name; null for a base type */
  constructor(
    protected readonly model: TypeModel,
    readonly name: string,
    readonly opts: Opts,
    readonly subof: string | null,
  ) {}

  /**
   * The normal form of a value.
   *
   * @throws {NormError} where the reference raises
   */
  norm(value: Value): { valu: Value } {
    return { valu: this.normValue(value) }
  }

  /** As norm(). */
  normValue(value: Value): Value {
    if (typeof value === 'string') return this.ofText(value)
    if (typeof value === 'number' || typeof value === 'bigint') return this.ofInt(value)
    if (Array.isArray(value)) return this.ofArray(value)
    if (value instanceof Float) return this.ofFloat(value)
    if (typeof value === 'boolean') return this.ofBool(value)
    if (value instanceof Uint8Array) return this.ofBytes(value)
    if (value instanceof RawStr) return this.ofRawText(value)
    throw this.noNorm(value === null ? 'NoneType' : value instanceof PackMap ? 'dict' : 'ExtType')
  }

  /** Whether norm() would surely return the value itself. Much faster; false says nothing. */
  isNormed(_value: Value): boolean {
    return false
  }

  /**
   * Whether a stored value is a valid one that norm() would leave alone, but for what it never leaves alone (see the types
   * that override this).
   */
  keeps(value: Value): boolean {
    if (this.isNormed(value)) return true
    try {
      return pyEquals(this.normValue(value), value)
    } catch (error) {
      if (error instanceof NormError) return false
      throw error
    }
  }

  /** Whether its values name forms: ndefs, and what is made of them. */
  get holdsNdefs(): boolean {
    return false
  }

  /** A stored value with `map` applied to each ndef in it, however deep; one of another shape is returned as it is. */
  mapNdefs(value: Value, _map: NdefMap): Value {
    return value
  }

  protected ofText(_text: string): Value {
    throw this.noNorm('str')
  }

  protected ofInt(_int: Int): Value {
    throw this.noNorm('int')
  }

  protected ofFloat(_float: Float): Value {
    throw this.noNorm('float')
  }

  protected ofBool(_bool: boolean): Value {
    throw this.noNorm('bool')
  }

  protected ofBytes(_bytes: Uint8Array): Value {
    throw this.noNorm('bytes')
  }

  protected ofArray(_items: readonly Value[]): Value {
    throw this.noNorm('tuple')
  }

  protected bad(mesg: string, valu: Value | PyList): NormError {
    return synError('BadTypeValu', { mesg, name: this.name, valu })
  }

  /** A type that the core model has. */
  protected core(name: string): Type {
    return this.model.type(name) as Type
  }

  private ofRawText(text: RawStr): Value {
    try {
      return unshielded(this.ofText(shield(text)))
    } catch (error) {
      throw error instanceof NormError ? new NormError(error.errName, unshieldRepr(error.message)) : error
    }
  }

  private noNorm(typeName: string): NormError {
    return synError('BadTypeValu', { mesg: `no norm for type: <class '${typeName}'>.`, name: this.name })
  }
}

function unshielded(value: Value): Value {
  if (typeof value === 'string') return unshield(value)
  return Array.isArray(value) ? value.map(unshielded) : value
}
