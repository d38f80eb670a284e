import { PackMap, type Value } from '../bytes/msgpack.js'
import { isText, pyItem, pyTypeName } from '../python/values.js'
import { StorTypeError } from './stortype.js'

/** `value[key]`. @throws {StorTypeError} as Python does */
export function itemOf(value: Value, key: number): Value {
  const item = pyItem(value, key)
  if (item !== undefined) return item
  const type = pyTypeName(value)
  if (Array.isArray(value)) throw new StorTypeError('IndexError', 'tuple index out of range')
  if (isText(value)) throw new StorTypeError('IndexError', 'string index out of range')
  if (value instanceof Uint8Array) throw new StorTypeError('IndexError', 'index out of range')
  if (value instanceof PackMap) throw new StorTypeError('KeyError', `${key}`)
  throw new StorTypeError('TypeError', `'${type}' object is not subscriptable`)
}
