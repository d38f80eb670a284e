import { PackMap, type Value } from './msgpack.js'

// These take a value of any type, and return nothing when it is of another type than they look for.

export function fieldOf(value: Value | undefined, key: string): Value | undefined {
  return value instanceof PackMap ? value.get(key) : undefined
}

export function entriesOf(value: Value | undefined): [Value, Value][] {
  return value instanceof PackMap ? value.entries : []
}

export function itemsOf(value: Value | undefined): Value[] {
  return Array.isArray(value) ? value : []
}
