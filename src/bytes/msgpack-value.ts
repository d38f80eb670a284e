/** A float, kept apart from ints: 1.0 is not 1. */
export class Float {
  constructor(readonly value: number) {}
}

/** Text that no JavaScript string can hold: two adjacent surrogates that are not one astral character. */
export class RawStr {
  constructor(readonly bytes: Uint8Array) {}
}

/**
 * A map with keys of any type, in stored order. When a key repeats, the last value wins and keeps the first one's
 * place.
 */
export class PackMap {
  constructor(readonly entries: [Value, Value][]) {}

  /** The value of a text key, or undefined. */
  get(key: string): Value | undefined {
    return this.entries.find(([k]) => k === key)?.[1]
  }
}

/** An extension value. Synapse stores none, but we pass one through unchanged. */
export class Ext {
  constructor(
    readonly type: number,
    readonly data: Uint8Array,
  ) {}
}

/** `number` is an int within 2^53, `bigint` an int beyond it (64 bits at most when encoded). */
export type Value = null | boolean | number | bigint | Float | string | RawStr | Uint8Array | Value[] | PackMap | Ext

/** Bytes that are not msgpack, or a value that msgpack cannot hold. */
export class MsgpackError extends Error {
  override readonly name = 'MsgpackError'
}

/** Whether Python would call two values equal: 1 == 1.0 == True; tuples and lists compare item by item. */
export function pyEquals(a: Value, b: Value): boolean {
  if (a === b) return true
  const x = asNumber(a)
  const y = asNumber(b)
  // A mixed comparison of bigint and number is exact in JavaScript, as it is in Python.
  // biome-ignore lint/suspicious/noDoubleEquals: int and bigint of equal value are equal
  if (x !== null && y !== null) return x == y
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => pyEquals(item, b[i] as Value))
  }
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (a instanceof RawStr) return b instanceof RawStr && Buffer.compare(a.bytes, b.bytes) === 0
  if (a instanceof Ext) return b instanceof Ext && a.type === b.type && Buffer.compare(a.data, b.data) === 0
  if (a instanceof PackMap) {
    if (!(b instanceof PackMap) || a.entries.length !== b.entries.length) return false
    return a.entries.every(([key, value]) => b.entries.some(([k, v]) => pyEquals(key, k) && pyEquals(value, v)))
  }
  return false
}

/** The number that an int, a float or a bool compares as, or null. */
export function asNumber(value: Value): number | bigint | null {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  if (value instanceof Float) return value.value
  return typeof value === 'boolean' ? Number(value) : null
}
