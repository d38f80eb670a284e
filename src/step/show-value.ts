import { Ext, Float, PackMap, RawStr, type Value } from '../bytes/msgpack.js'
import { pyRepr } from '../python/text-forms.js'

/** A value as the reference's log lines show it, in Python's notation. */
export function showValue(value: Value): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return pyRepr(value)
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (value instanceof Float) return Number.isInteger(value.value) ? `${value.value}.0` : String(value.value)
  if (value instanceof PackMap) {
    return `{${value.entries.map(([key, item]) => `${showValue(key)}: ${showValue(item)}`).join(', ')}}`
  }
  if (Array.isArray(value)) return `(${value.map(showValue).join(', ')}${value.length === 1 ? ',' : ''})`
  const bytes = value instanceof RawStr ? value.bytes : value instanceof Ext ? value.data : value
  return `b'${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}'`
}
