import { PackMap, type Value } from './msgpack.js'

// Parts of a value that may be of any kind: what is of another one has none.

export function fieldOf(value: Value | undefined, key: string): Value | undefined {
  return value instanceof PackMap ? value.get(key) : undefined
}

export function entriesOf(value: Value | undefined): [Value, Value][] {
  return value instanceof PackMap ? value.entries : []
}

export function itemsOf(value: Value | undefined): Value[] {
  return Array.isArray(value) ? value : []
}
