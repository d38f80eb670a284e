import { Float, PackMap, type Value } from '../bytes/msgpack.js'
import { toJson } from '../bytes/value-json.js'
import { ModelError } from '../norm-error.js'
import type { Opt, Opts } from './type.js'

/** The options of a type as plain data, from msgpack or JSON. @throws {ModelError} when they are not a map */
export function plainOpts(value: Value): Opts {
  if (value instanceof PackMap) return plainMap(value.entries)
  // Python accepts a list of pairs as a map, and the core model has empty lists.
  if (Array.isArray(value)) return plainMap(value.map(pairOf))
  throw new ModelError('TypeError', 'the options of a type are no map')
}

function plain(value: Value): Opt {
  // As JSON: other threads can receive it, and 10.0 stays a float.
  if (value instanceof Float) return toJson(value) as Opt
  if (value instanceof PackMap) return plainMap(value.entries)
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === 'object') {
    throw new ModelError('TypeError', 'an option of a type is no plain value')
  }
  return value
}

function plainMap(entries: readonly (readonly [Value, Value])[]): Opts {
  return Object.fromEntries(entries.map(([name, value]) => [String(name), plain(value)]))
}

function pairOf(value: Value): [Value, Value] {
  if (Array.isArray(value) && value.length === 2) return [value[0], value[1]]
  throw new ModelError('TypeError', 'the options of a type are no map')
}
