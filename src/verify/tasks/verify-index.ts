import { ABRV_SPACES, type IndexDb, keyOf } from '../../layout/dest-dbs.js'
import { type DigestTable, RowDigest } from '../../stream/row-digest.js'
import { openSource } from '../../stream/worker-state.js'
import { groupText } from './verify-nodes.js'
import type { ListedRow } from './verify-rows.js'

export interface VerifyIndexInput {
  /** The destination's slab with the database. */
  readonly path: string
  /** The layer's slab, with the abbreviations. */
  readonly layerPath: string
  readonly db: IndexDb
  /** Half-open range of keys; null means unbounded. */
  readonly start: Uint8Array | null
  readonly end: Uint8Array | null
  /** Buckets whose rows to list; null to digest only. */
  readonly list: readonly number[] | null
}

export interface VerifyIndexResult {
  readonly rows: number
  readonly table: DigestTable
  readonly listed: readonly ListedRow[]
}

/** Digests the rows of an index database in the destination, or lists those of some buckets. */
export function verifyIndex(input: VerifyIndexInput): VerifyIndexResult {
  const cursor = openSource(input.path).db(input.db)?.cursor()
  const digest = new RowDigest()
  const wanted = new Set(input.list)
  const listed: ListedRow[] = []
  let rows = 0
  for (let more = cursor?.seek(input.start); cursor !== undefined && more; more = cursor.next()) {
    const { buf, keyStart, keyEnd, valueBuf, valueStart, valueEnd } = cursor
    if (input.end !== null && Buffer.compare(buf.subarray(keyStart, keyEnd), input.end) >= 0) break
    rows++
    const bucket = digest.add(buf, keyStart, keyEnd, valueBuf, valueStart, valueEnd)
    if (!wanted.has(bucket)) continue
    const key = cursor.key()
    listed.push({ db: input.db, key, value: cursor.value(), name: rowName(input, key) })
  }
  return { rows, table: digest.table, listed }
}

/** What the abbreviations of a key stand for. */
function rowName({ db, layerPath }: VerifyIndexInput, key: Uint8Array): string {
  const layer = openSource(layerPath)
  return keyOf(db)
    .map((kind, i) => {
      const abrv = key.subarray(8 * i, 8 * (i + 1))
      const name = layer.db(`${ABRV_SPACES[kind]}:abrv2byts`)?.get(abrv)
      return name === undefined ? `abbreviation ${Buffer.from(abrv).toString('hex')}` : groupText([{ kind, name }])
    })
    .join(' ')
}
