import { decode, type Value } from '../bytes/msgpack.js'
import { MODEL_VERSION_KEY, SOURCE_DBS } from '../layout/source-layer.js'
import type { DbReader, SlabReader } from '../page/page-reader.js'

// All code that reads rows of a source layer gets its databases here, so another layout needs changes in one place
// only.

/** @param slab the layer's `layer.lmdb`. Returns undefined when that has no such database, like an empty file */
export function findNodeRows(slab: SlabReader): DbReader | undefined {
  return slab.db(SOURCE_DBS.nodes.db)
}

/** @throws {MigrationError} ERR_SLAB_CORRUPT when the database is missing: Synapse creates it in every layer */
export function nodeRows(slab: SlabReader): DbReader {
  const db = findNodeRows(slab)
  if (db === undefined) throw slab.corrupt(`it has no database "${SOURCE_DBS.nodes.db}"`)
  return db
}

/** @param slab the layer's `nodedata.lmdb`, if it has one */
export function nodedataRows(slab: SlabReader | null | undefined): DbReader | undefined {
  return slab?.db(SOURCE_DBS.nodedata.db)
}

/**
 * @param slab the layer's `splices.lmdb`
 * @throws {MigrationError} ERR_SLAB_CORRUPT when it has other databases, but not this one: we would lose all splices
 */
export function spliceRows(slab: SlabReader): DbReader | undefined {
  const db = slab.db(SOURCE_DBS.splices.db)
  if (db === undefined && slab.mainDb.entries > 0) {
    throw slab.corrupt(`it has no database "${SOURCE_DBS.splices.db}"`)
  }
  return db
}

/**
 * `layer:model:version` of a 0.1.x or 2.x layer, or null when it has none.
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
