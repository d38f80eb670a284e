import type { MemorySlab } from '../slab/memory-slab.js'
import { type RowMismatch, rowMismatches } from './row-mismatches.js'

/** A difference in a slab: a row, or a whole database if `key` is null. */
export interface SlabDifference extends Omit<RowMismatch, 'key'> {
  /** Null for the plain rows of the unnamed database. */
  readonly db: string | null
  readonly key: Uint8Array | null
  /** What is wrong with a database, in words. */
  readonly what: string | null
}

/**
 * Compares all rows of all databases of a slab, in both directions.
 *
 * @param differs called for each difference
 * @param elsewhere a database that is compared in another way; the expected slab need not have it
 * @returns how many rows it compared
 * @throws {MigrationError} when one of the two is damaged
 */
export function slabDifferences(
  expected: MemorySlab,
  found: MemorySlab,
  differs: (difference: SlabDifference) => void,
  elsewhere: string | null = null,
): number {
  let rows = 0
  const counted = () => {
    rows++
  }
  for (const mismatch of rowMismatches(expected.mainRows(), found.mainRows(), false, counted)) {
    differs({ ...mismatch, db: null, what: null })
  }
  const [wanted, there] = [new Set(expected.dbNames()), new Set(found.dbNames())]
  for (const db of new Set([...wanted, ...there])) {
    const whole = (kind: RowMismatch['kind'], what: string) =>
      differs({ kind, db, key: null, what, expected: null, found: null })
    if (!there.has(db)) whole('missing', 'the database')
    else if (!wanted.has(db) && db === elsewhere) continue
    else if (!wanted.has(db)) whole('extra', 'the database')
    else if (found.isDupSort(db) !== expected.isDupSort(db)) whole('different', `dupsort is ${found.isDupSort(db)}`)
    if (!wanted.has(db) || db === elsewhere) continue
    for (const mismatch of rowMismatches(expected.rows(db), found.rows(db), expected.isDupSort(db), counted)) {
      differs({ ...mismatch, db, what: null })
    }
  }
  return rows
}
