import { Ext, Float, PackMap, type Value } from '../bytes/msgpack.js'
import { repacked } from '../norm-error.js'
import { isText, pyTypeName } from '../python/values.js'
import { StorType } from '../stortype/registry.js'
import { Type } from './type.js'

/** Any value that JSON can express. */
export class Data extends Type {
  readonly stortype = StorType.msgp

  override normValue(value: Value): Value {
    const fault = jsonFault(value)
    // The reference wraps the text in braces, which makes it a set.
    if (fault !== null) throw this.bad(`MustBeJsonSafe: mesg={'${fault}'}`, value)
    return repacked(value)
  }

  /** 0.1.x also stores values that JSON cannot express. */
  override keeps(_value: Value): boolean {
    return true
  }
}

function jsonFault(value: Value): string | null {
  if (value instanceof Uint8Array || value instanceof Ext) return 'Object of type bytes is not JSON serializable'
  if (Array.isArray(value)) return firstFault(value)
  if (!(value instanceof PackMap)) return null
  for (const [key, item] of value.entries) {
    const fault = keyFault(key) ?? jsonFault(item)
    if (fault !== null) return fault
  }
  return null
}

function firstFault(items: readonly Value[]): string | null {
  for (const item of items) {
    const fault = jsonFault(item)
    if (fault !== null) return fault
  }
  return null
}

function keyFault(key: Value): string | null {
  if (key === null || isText(key) || key instanceof Float) return null
  if (typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean') return null
  return `keys must be str, int, float, bool or None, not ${pyTypeName(key)}`
}
