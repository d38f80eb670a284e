import { Float, PackMap, pyEquals, RawStr, type Value } from '../bytes/msgpack.js'
import { NormError } from '../norm-error.js'
import { compareText } from './text.js'
import { isText, pyTypeName, textBytes } from './values.js'

/** `a < b`. @throws {NormError} TypeError for values that Python cannot order */
export function pyLess(a: Value, b: Value): boolean {
  const x = numberOf(a)
  const y = numberOf(b)
  if (x !== null && y !== null) return x < y
  if (isText(a) && isText(b)) return lessText(a, b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) < 0
  if (Array.isArray(a) && Array.isArray(b)) {
    const i = a.findIndex((item, at) => at >= b.length || !pyEquals(item, b[at]))
    if (i < 0) return a.length < b.length
    return i < b.length && pyLess(a[i], b[i])
  }
  const types = `'${pyTypeName(a)}' and '${pyTypeName(b)}'`
  throw new NormError('TypeError', `'<' not supported between instances of ${types}`)
}

/** `sorted(values)`. */
export function pySorted(values: readonly Value[]): Value[] {
  return values.toSorted((a, b) => (pyLess(a, b) ? -1 : pyLess(b, a) ? 1 : 0))
}

/** `set(values)`, in the order of the first of each. @throws {NormError} TypeError for values that are no keys */
export function pySet(values: readonly Value[]): Value[] {
  const seen = new Set<unknown>()
  const distinct: Value[] = []
  for (const value of values) {
    rejectUnhashable(value)
    if (typeof value === 'string' || typeof value === 'number') {
      if (!seen.has(value)) distinct.push(value)
      seen.add(value)
    } else if (!distinct.some((other) => pyEquals(other, value))) distinct.push(value)
  }
  return distinct
}

/** @throws {NormError} TypeError for a dict, or a tuple that holds one */
export function rejectUnhashable(value: Value): void {
  if (value instanceof PackMap) throw new NormError('TypeError', "unhashable type: 'dict'")
  if (Array.isArray(value)) value.forEach(rejectUnhashable)
}

function lessText(a: string | RawStr, b: string | RawStr): boolean {
  if (a instanceof RawStr || b instanceof RawStr) return Buffer.compare(textBytes(a), textBytes(b)) < 0
  return compareText(a, b) < 0
}

function numberOf(value: Value): number | bigint | null {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  if (value instanceof Float) return value.value
  return typeof value === 'boolean' ? Number(value) : null
}
