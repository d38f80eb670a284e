import { closeSync, openSync, statSync } from 'node:fs'
import { hexOf } from '../bytes/hash.js'
import { viewOf } from '../bytes/spans.js'
import { Xxh64 } from '../bytes/xxh64.js'
import { readAt } from '../file/read-at.js'
import type { SlabPrint } from '../layout/records.js'
import { DB_RECORD_BYTES, type DbRecord, NO_PAGE, writeDbRecord } from './format.js'
import { SlabReader } from './page-reader.js'

/**
 * We hash a file up to this size as a whole. That takes 20 ms from memory, and the migration is about to read it
 * anyway.
 */
const WHOLE_BYTES = 32 << 20
/** In a larger file we read this many evenly spread places: few enough for a disk that has to seek. */
const PLACES = 64
const PLACE_BYTES = 32 << 10
const FIRST_PAGE = 2

/** Prints we took, valid as long as the file is the same and nobody wrote to it. */
const known = new Map<string, { readonly identity: string; readonly print: SlabPrint }>()

/**
 * Computes a fingerprint of a slab that survives copying and moving it. It covers the meta page, the records of its
 * databases (root, depth, pages, rows), their root pages, and all pages, free ones too. Above 32 MiB it covers only 512
 * pages in 64 places. Read-only; takes a few ms.
 *
 * @throws {MigrationError} when the path is not a readable slab
 */
export function slabPrint(path: string): SlabPrint {
  const slab = SlabReader.open(path)
  try {
    const identity = identityOf(slab.path)
    const found = known.get(slab.path)
    if (found?.identity === identity) return found.print
    const print = printOf(slab)
    known.set(slab.path, { identity, print })
    return print
  } finally {
    slab.close()
  }
}

function printOf(slab: SlabReader): SlabPrint {
  const dbs = slab.dbNames().map((name) => ({ name, record: recordOf(slab, name) }))
  const { pageSize, txnId, lastPage, freeDb, mainDb } = slab
  const hash = new Xxh64()
  hash.update(Buffer.from(JSON.stringify([pageSize, txnId, lastPage, dbs.map(({ name }) => name)])))
  const records = [freeDb, mainDb, ...dbs.map(({ record }) => record)]
  for (const record of records) hash.update(packed(record))
  const fd = openSync(slab.path, 'r')
  try {
    const buf = Buffer.allocUnsafeSlow(PLACE_BYTES)
    for (const { root } of records) {
      if (root !== NO_PAGE) hash.update(slab.readPages(root, 1, buf).subarray(0, pageSize))
    }
    for (const [position, bytes] of places(FIRST_PAGE * pageSize, (lastPage + 1) * pageSize, pageSize)) {
      const got = readAt({ path: slab.path, fd }, buf, bytes, position)
      hash.update(buf.subarray(0, got))
    }
  } finally {
    closeSync(fd)
  }
  const rows = dbs.reduce((sum, { record }) => sum + record.entries, 0)
  return { txnId, pages: lastPage + 1, rows, digest: hexOf(hash.digest()) }
}

/** The spans of a file to read, in order: all of `[start, end)`, or evenly spread places when that is too much. */
function places(start: number, end: number, pageSize: number): [position: number, bytes: number][] {
  const count = Math.ceil((end - start) / PLACE_BYTES)
  if (end - start <= WHOLE_BYTES) {
    return Array.from({ length: count }, (_, i) => {
      const position = start + i * PLACE_BYTES
      return [position, Math.min(PLACE_BYTES, end - position)]
    })
  }
  const lastPage = Math.floor((end - start - PLACE_BYTES) / pageSize)
  return Array.from({ length: PLACES }, (_, i) => {
    return [start + Math.floor((i * lastPage) / (PLACES - 1)) * pageSize, PLACE_BYTES]
  })
}

function recordOf(slab: SlabReader, name: string): DbRecord {
  const db = slab.db(name)
  if (db === undefined) throw slab.corrupt(`it has no database "${name}"`)
  return db.record
}

function packed(record: DbRecord): Uint8Array {
  const bytes = new Uint8Array(DB_RECORD_BYTES)
  writeDbRecord(viewOf(bytes), 0, record)
  return bytes
}

function identityOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}
