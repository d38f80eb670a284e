import { xxh64 } from '../bytes/xxh64.js'

/** We keep this many digests per database, so that a difference leaves fewer rows to list. */
export const BUCKETS = 4096
const BUCKET_SHIFT = 52n
const MOST_ROW_BYTES = 2 + 511 + 511

/** Row count and digest of each bucket. Digests are sums, so the order of rows does not matter. */
export interface DigestTable {
  readonly counts: Float64Array
  readonly sums: BigUint64Array
}

/**
 * Digests the rows of an index database in any order: the XXH64 of each row is added to the bucket of its first bits.
 */
export class RowDigest {
  readonly table: DigestTable = { counts: new Float64Array(BUCKETS), sums: new BigUint64Array(BUCKETS) }
  private readonly row = Buffer.alloc(MOST_ROW_BYTES)

  /** Adds a row and returns its bucket. */
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
