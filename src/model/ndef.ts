import type { Value } from '../bytes/msgpack.js'
import { PyList, synError } from '../norm-error.js'
import { rejectUnhashable } from '../python/order.js'
import { splitOnce } from '../python/text.js'
import { StorType } from '../stortype/registry.js'
import { type ByteCheck, type NdefMap, Type } from './type.js'

/** A form and a value of it. */
export class Ndef extends Type {
  readonly stortype = StorType.msgp

  override isNormed(value: Value): boolean {
    if (!Array.isArray(value) || value.length !== 2) return false
    return this.model.form(value[0])?.type.isNormed(value[1]) ?? false
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'ndef' }
  }

  override keeps(value: Value): boolean {
    if (!Array.isArray(value) || value.length !== 2) return false
    return this.model.form(value[0])?.type.keeps(value[1]) ?? false
  }

  override get holdsNdefs(): boolean {
    return true
  }

  override mapNdefs(value: Value, map: NdefMap): Value {
    return isNdef(value) ? [...map(value[0], value[1])] : value
  }

  protected override ofArray(items: readonly Value[]): Value {
    const [name, value] = namedValue(this.name, items)
    const form = this.model.form(name)
    if (form === undefined) throw synError('NoSuchForm', { name: this.name, form: name })
    return [form.name, form.type.normValue(value)]
  }
}

/** A property and a value of it. */
export class NodeProp extends Type {
  readonly stortype = StorType.msgp

  override keeps(value: Value): boolean {
    if (!Array.isArray(value) || value.length !== 2) return false
    const prop = this.model.prop(value[0])
    return prop !== undefined && prop.full === value[0] && prop.type.keeps(value[1])
  }

  protected override ofText(text: string): Value {
    const items = splitOnce(text, '=')
    return this.ofPair(namedValue(this.name, items, new PyList(items)))
  }

  protected override ofArray(items: readonly Value[]): Value {
    return this.ofPair(namedValue(this.name, items))
  }

  private ofPair([name, value]: readonly [Value, Value]): Value {
    const prop = this.model.prop(name)
    if (prop === undefined) throw synError('NoSuchProp', { name: this.name, prop: name })
    return [prop.full, prop.type.normValue(value)]
  }
}

/** Two ndefs. */
export class Edge extends Type {
  readonly stortype = StorType.msgp

  override isNormed(value: Value): boolean {
    return Array.isArray(value) && value.length === 2 && this.bothEnds(value, (end) => this.core('ndef').isNormed(end))
  }

  override get byteCheck(): ByteCheck | null {
    return this.tupleCheck([])
  }

  override keeps(value: Value): boolean {
    return Array.isArray(value) && value.length === 2 && this.bothEnds(value, (end) => this.core('ndef').keeps(end))
  }

  override get holdsNdefs(): boolean {
    return true
  }

  override mapNdefs(value: Value, map: NdefMap): Value {
    return Array.isArray(value) ? value.map((end) => (isNdef(end) ? [...map(end[0], end[1])] : end)) : value
  }

  protected override ofArray(items: readonly Value[]): Value {
    if (items.length !== 2) throw this.bad('edge requires (ndef, ndef)', items as Value[])
    return this.ends(items[0], items[1])
  }

  protected tupleCheck(others: readonly Type[]): ByteCheck | null {
    const isFree = [this.opts['n1:forms'], this.opts['n2:forms']].every((forms) => (forms ?? null) === null)
    return isFree ? { kind: 'tuple', items: [this.core('ndef'), this.core('ndef'), ...others] } : null
  }

  protected ends(first: Value, second: Value): [Value, Value] {
    const n1 = this.core('ndef').normValue(first) as [string, Value]
    if (!this.allows('n1:forms', n1[0])) throw this.bad('Invalid source node for edge type', n1[0])
    const n2 = this.core('ndef').normValue(second) as [string, Value]
    if (!this.allows('n2:forms', n2[0])) throw this.bad('Invalid dest node for edge type', n2[0])
    return [n1, n2]
  }

  protected bothEnds(items: readonly Value[], holds: (end: Value) => boolean): boolean {
    return this.endHolds('n1:forms', items[0], holds) && this.endHolds('n2:forms', items[1], holds)
  }

  private endHolds(option: string, end: Value, holds: (end: Value) => boolean): boolean {
    return Array.isArray(end) && typeof end[0] === 'string' && this.allows(option, end[0]) && holds(end)
  }

  private allows(option: string, form: string): boolean {
    const forms = this.opts[option]
    return forms === undefined || forms === null || (forms as readonly string[]).includes(form)
  }
}

/** Two ndefs and a time. */
export class TimeEdge extends Edge {
  override isNormed(value: Value): boolean {
    if (!Array.isArray(value) || value.length !== 3 || !this.core('time').isNormed(value[2])) return false
    return this.bothEnds(value, (end) => this.core('ndef').isNormed(end))
  }

  override get byteCheck(): ByteCheck | null {
    return this.tupleCheck([this.core('time')])
  }

  override keeps(value: Value): boolean {
    if (!Array.isArray(value) || value.length !== 3 || !this.core('time').keeps(value[2])) return false
    return this.bothEnds(value, (end) => this.core('ndef').keeps(end))
  }

  protected override ofArray(items: readonly Value[]): Value {
    if (items.length !== 3) throw this.bad('timeedge requires (ndef, ndef, time)', items as Value[])
    const tick = this.core('time').normValue(items[2])
    return [...this.ends(items[0], items[1]), tick]
  }
}

function isNdef(value: Value): value is [string, Value] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string'
}

/** Unpacks a name and a value as Python does, and looks the name up in a dict. */
function namedValue(
  typeName: string,
  items: readonly Value[],
  valu: Value | PyList = items as Value[],
): readonly [Value, Value] {
  if (items.length === 2) {
    rejectUnhashable(items[0])
    return items as [Value, Value]
  }
  const mesg =
    items.length > 2
      ? 'too many values to unpack (expected 2)'
      : `not enough values to unpack (expected 2, got ${items.length})`
  throw synError('BadTypeValu', { name: typeName, valu, mesg })
}
