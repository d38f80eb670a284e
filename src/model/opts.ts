import { Float, PackMap, type Value } from '../bytes/msgpack.js'
import { toJson } from '../bytes/value-json.js'
import { ModelError, type Opt, type Opts } from './type.js'

/** The options of a type as plain data, from msgpack or JSON. @throws {ModelError} when they are no map */
export function plainOpts(value: Value | Opts): Opts {
  if (value instanceof PackMap) return plainMap(value)
  if (
    value === null ||
    typeof value !== 'object' ||
    Array.isArray(value) ||
    Object.getPrototypeOf(value) !== Object.prototype
  ) {
    throw new ModelError('TypeError', 'the options of a type are no map')
  }
  return value as Opts
}

function plain(value: Value): Opt {
  // As JSON, so that options can be sent to other threads and 10.0 stays a float.
  if (value instanceof Float) return toJson(value) as Opt
  if (value instanceof PackMap) return plainMap(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === 'object')
    throw new ModelError('TypeError', 'an option of a type is no plain value')
  return value
}

function plainMap(map: PackMap): Opts {
  return Object.fromEntries(map.entries.map(([name, value]) => [String(name), plain(value)]))
}
