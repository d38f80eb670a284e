import type { IndexDb } from '../../layout/dest-dbs.js'

/** A row that differs from what the source says. */
export interface RowDifference {
  /** `different`: the row is there with another value. */
  readonly kind: 'missing' | 'extra' | 'different'
  /** Database, or `errors` for records of the migration log. */
  readonly db: string
  readonly buid: Uint8Array | null
  /** The row in words: `prop :domain`, `tag #foo` … */
  readonly row: string
  readonly expected: Uint8Array | null
  readonly found: Uint8Array | null
}

/** A row of an index database, in a bucket that differs. */
export interface ListedRow {
  readonly db: IndexDb
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** What its abbreviations stand for. */
  readonly name: string
}
