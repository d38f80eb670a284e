import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { SlabReader } from '../../src/page/page-reader.js'

export interface RowDigest {
  readonly count: number
  /** SHA-256 over lengths and bytes of keys and values, in order. */
  readonly digest: string
}

export function digestRows(rows: Iterable<{ key: Uint8Array; value: Uint8Array }>): RowDigest {
  const hash = createHash('sha256')
  const lengths = Buffer.alloc(8)
  let count = 0
  for (const { key, value } of rows) {
    lengths.writeUInt32LE(key.length, 0)
    lengths.writeUInt32LE(value.length, 4)
    hash.update(lengths).update(key).update(value)
    count++
  }
  return { count, digest: hash.digest('hex') }
}

/** Digests of all databases of a slab, read by our own reader; `isDup` of each. */
export function slabDigests(path: string): { [name: string]: RowDigest & { dupSort: boolean } } {
  const slab = SlabReader.open(path)
  try {
    return Object.fromEntries(
      slab.dbNames().map((name) => {
        const db = slab.db(name)
        if (db === undefined) throw new Error(`db ${name} is gone`)
        return [name, { ...digestRows(db.rows()), dupSort: db.dupSort }]
      }),
    )
  } finally {
    slab.close()
  }
}

/**
 * Digests of every row of the layer slabs of a destination: what must not depend on workers, memory, cuts or kills. Bytes
 * as they are: abbreviations count too.
 */
export function layerDigests(destDir: string): { [slab: string]: ReturnType<typeof slabDigests> } {
  const digests: { [slab: string]: ReturnType<typeof slabDigests> } = {}
  const layersDir = join(destDir, 'layers')
  for (const iden of readdirSync(layersDir).sort()) {
    for (const slab of ['layer_v2', 'nodedata', 'nodeedits']) {
      const path = join(layersDir, iden, `${slab}.lmdb`)
      if (existsSync(path)) digests[`${iden}/${slab}`] = slabDigests(path)
    }
  }
  return digests
}
