import { xxh64 } from '../bytes/hash.js'

/** Rows of a database are told apart by this many digests: fewer rows to list where two of them differ. */
export const BUCKETS = 4096
const BUCKET_SHIFT = 52n
const MOST_ROW_BYTES = 2 + 511 + 511

/** Count and digest of the rows of each bucket; sums, so that their order does not matter. */
export interface DigestTable {
  readonly counts: Float64Array
  readonly sums: BigUint64Array
}

/** Digests rows of an index database, whatever their order: XXH64 over each, summed up by the first bits of the hash. */
export class RowDigest {
  readonly table: DigestTable = { counts: new Float64Array(BUCKETS), sums: new BigUint64Array(BUCKETS) }
  private readonly row = Buffer.alloc(MOST_ROW_BYTES)

  /** Adds the row; returns its bucket. */
  add(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): number {
    const row = this.row
    const keyBytes = keyEnd - keyStart
    row[0] = keyBytes & 0xff
    row[1] = keyBytes >> 8
    let end = 2
    for (let i = keyStart; i < keyEnd; i++) row[end++] = key[i]
    for (let i = valueStart; i < valueEnd; i++) row[end++] = value[i]
    const hash = xxh64(row.subarray(0, end))
    const bucket = Number(hash >> BUCKET_SHIFT)
    this.table.counts[bucket]++
    this.table.sums[bucket] += hash
    return bucket
  }
}

export function addTable(into: DigestTable, from: DigestTable): void {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    into.counts[bucket] += from.counts[bucket]
    into.sums[bucket] += from.sums[bucket]
  }
}

export function emptyTable(): DigestTable {
  return { counts: new Float64Array(BUCKETS), sums: new BigUint64Array(BUCKETS) }
}
