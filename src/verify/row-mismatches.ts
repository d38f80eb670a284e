import type { Row } from '../slab/slab.js'

/** A row that only one side has, or that has different values. */
export interface RowMismatch {
  readonly kind: 'missing' | 'different' | 'extra'
  readonly key: Uint8Array
  readonly expected: Uint8Array | null
  readonly found: Uint8Array | null
}

/**
 * Compares the rows of two databases, both in key order, in both directions. With `dupSort` a key has several values,
 * and each is compared.
 *
 * @param counted called for each row compared
 */
export function* rowMismatches(
  expected: Iterable<Row>,
  found: Iterable<Row>,
  dupSort: boolean,
  counted: () => void = () => undefined,
): Generator<RowMismatch> {
  const [left, right] = [expected[Symbol.iterator](), found[Symbol.iterator]()]
  let [a, b] = [left.next(), right.next()]
  while (!a.done || !b.done) {
    counted()
    const order = a.done ? 1 : b.done ? -1 : compare(a.value, b.value, dupSort)
    if (order < 0) {
      yield { kind: 'missing', key: a.value.key, expected: a.value.value, found: null }
      a = left.next()
    } else if (order > 0) {
      yield { kind: 'extra', key: b.value.key, expected: null, found: b.value.value }
      b = right.next()
    } else {
      if (Buffer.compare(a.value.value, b.value.value) !== 0)
        yield { kind: 'different', key: a.value.key, expected: a.value.value, found: b.value.value }
      a = left.next()
      b = right.next()
    }
  }
}

function compare(a: Row, b: Row, dupSort: boolean): number {
  const order = Buffer.compare(a.key, b.key)
  return order !== 0 || !dupSort ? order : Buffer.compare(a.value, b.value)
}
