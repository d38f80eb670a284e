import { Float, PackMap, pyEquals, RawStr, type Value } from '../bytes/msgpack.js'
import { ModelError, NormError, type PyList, synError } from '../norm-error.js'
import type { Int } from '../python/number.js'
import { shield, unshield, unshieldRepr } from '../python/text.js'

/** An option of a type as plain data; a float is `{ $f: text }`, as in value-json.ts. */
export type Opt = null | boolean | number | bigint | string | readonly Opt[] | { readonly [name: string]: Opt }

export type Opts = { readonly [name: string]: Opt }

/** What a type needs from its model. */
export interface TypeModel {
  /** The time that "now" in a text means, in ms since 1970. No stored value depends on it. */
  readonly now: number

  type(name: string): Type | undefined

  form(name: Value): { readonly name: string; readonly type: Type } | undefined

  /** A form, a universal property or a property of a form, by its full name. */
  prop(name: Value): { readonly full: string; readonly type: Type } | undefined

  /** The type with more options. @throws {ModelError} */
  clone(base: Type, opts: Opts): Type
}

/**
 * What tells by the msgpack of a value alone, with nothing decoded, that norm() returns it unchanged. It need not know
 * all such values: who checks asks isNormed() about the others.
 *
 * - `int` and `float`: from `low` to `high`, floats without the bounds themselves
 * - `tuple`: an array of `items`; `ordered`: two ints, the second at least `low` higher; `ndef`: as its form has it
 * - `choice`: an int that is one of `values`
 * - `text`: `low` to `high` bytes, a multiple of `mark`, each in `chars`, with no space at the ends
 * - `sequence`: `chars`, made up of texts, of which each takes all that it may have
 * - `parts`: `chars`, up to `high` bytes each, with the character `mark` between them; `fqdn` the same, but no address
 * - others: as checks.ts and check-texts.ts of src/kernel/assembly have them
 */
export interface ByteCheck {
  readonly kind: (typeof BYTE_CHECKS)[number]
  /** The inside of a character class, for bytes. */
  readonly chars?: string
  readonly low?: number
  readonly high?: number
  readonly mark?: number
  readonly items?: readonly (Type | ByteCheck | undefined)[]
  readonly values?: readonly number[]
}

export const BYTE_CHECKS = [
  'int',
  'float',
  'tuple',
  'ordered',
  'ndef',
  'choice',
  'imei',
  'ipv6Range',
  'text',
  'sequence',
  'parts',
  'fqdn',
  'dnsName',
  'email',
  'url',
  'addr',
  'fileBytes',
  'filePath',
  'ipv6',
  'cidr4',
  'cidr6',
  'mailAddr',
] as const

/** ASCII that lower() and strip() leave unchanged wherever it stands. */
export const QUIET_CHARS = '!-@[-~'

/** Maps an ndef to another one. */
export type NdefMap = (form: string, valu: Value) => readonly [string, Value]

/** One of Synapse's own exceptions, about what is wrong with a model. */
export function modelError(errName: string, fields: { readonly [field: string]: Value }): ModelError {
  return new ModelError(errName, synError(errName, fields).message)
}

/**
 * A type of the data model. Like the reference, `normValue` calls one of the `of…` methods by the Python type of the
 * value. A subclass overrides those that the reference's class registers.
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

  /** Like norm(), but returns the value itself. */
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

  /** True when norm() surely returns the value unchanged. Much faster than norm(). False means "not sure". */
  isNormed(_value: Value): boolean {
    return false
  }

  /** What tells without the value itself that isNormed() would hold for it, or norm() return it; null when nothing does. */
  get byteCheck(): ByteCheck | null {
    return null
  }

  /**
   * Whether a stored value is valid and norm() would not change it, except in the ways that it always changes values of
   * this type (see the overrides).
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

  /** Whether values of the type name forms: ndefs, and types built from them. */
  get holdsNdefs(): boolean {
    return false
  }

  /** Applies `map` to every ndef in a stored value, at any depth. Returns a value of an unexpected shape unchanged. */
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

  /** Parses a text; what Python says against it becomes an error of this type. */
  protected parsedBy<Parsed>(parse: (text: string) => Parsed, text: string): Parsed {
    try {
      return parse(text)
    } catch (error) {
      throw error instanceof NormError ? this.bad(error.message, text) : error
    }
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
