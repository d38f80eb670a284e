import { decode, type Value } from '../bytes/msgpack.js'
import { MODEL_VERSION_KEY, SOURCE_DBS } from '../layout/source-layer.js'
import type { DbReader, SlabReader } from '../page/page-reader.js'

// All that reads rows of a source layer gets its databases here, so that another layout has one place to differ.

/** @param slab the layer's `layer.lmdb`; undefined when it has none, as an empty file */
export function findNodeRows(slab: SlabReader): DbReader | undefined {
  return slab.db(SOURCE_DBS.nodes.db)
}

/** @throws {MigrationError} ERR_SLAB_CORRUPT when there are none: every layer of a Synapse has them */
export function nodeRows(slab: SlabReader): DbReader {
  const db = findNodeRows(slab)
  if (db === undefined) throw slab.corrupt(`it has no database "${SOURCE_DBS.nodes.db}"`)
  return db
}

/** @param slab the layer's `nodedata.lmdb`, when it has one */
export function nodedataRows(slab: SlabReader | null | undefined): DbReader | undefined {
  return slab?.db(SOURCE_DBS.nodedata.db)
}

/**
 * @param slab the layer's `splices.lmdb`
 * @throws {MigrationError} ERR_SLAB_CORRUPT when it has other databases, but not this one: all splices would be lost
 */
export function spliceRows(slab: SlabReader): DbReader | undefined {
  const db = slab.db(SOURCE_DBS.splices.db)
  if (db === undefined && slab.mainDb.entries > 0) {
    throw slab.corrupt(`it has no database "${SOURCE_DBS.splices.db}"`)
  }
  return db
}

/**
 * `layer:model:version` of a layer, of 0.1.x and 2.x alike, or null when it has none.
 *
 * @throws {MigrationError} ERR_SLAB_CORRUPT when it is not msgpack
 */
export function layerVersion(slab: SlabReader): Value | null {
  const row = slab.mainRows().find(({ key }) => Buffer.from(key).toString('latin1') === MODEL_VERSION_KEY)
  if (row === undefined) return null
  try {
    return decode(row.value)
  } catch (error) {
    throw slab.corrupt(`its model version is not msgpack: ${(error as Error).message}`)
  }
}
