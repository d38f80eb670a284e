import { viewOf } from '../bytes/spans.js'
import type { TreeRoot } from './branch-builder.js'
import {
  DATA_VERSION,
  DB_RECORD_BYTES,
  type DbRecord,
  MAGIC,
  Meta,
  NO_PAGE,
  PAGE_BYTES,
  PageFlag,
  writeDbRecord,
  writeU48,
} from './format.js'

/** The map size that Synapse opens a slab with. It doubles the map, and from 100 GiB on adds 100 GiB each time. */
const MIN_MAP_BYTES = 2 ** 30
const MAX_MAP_STEP_BYTES = 100 * 2 ** 30
/** The share of the map that a new file leaves free, so that Synapse does not have to grow it right away. */
const MAP_SPARE = 0.1
/**
 * Both meta pages point to the finished trees. LMDB continues from the newer one, and reuses the free pages of older
 * transactions.
 */
const TXN_IDS = [2, 1] as const
export const FREE_TXN_ID = 1
export const noTree = { root: NO_PAGE, branchPages: 0, levels: -1, leafPages: 0, overflowPages: 0, entries: 0 }

/** The map size that Synapse and LMDB would have given a file of this size. */
export function mapSizeFor(bytes: number): number {
  const wanted = bytes / (1 - MAP_SPARE)
  if (wanted > MAX_MAP_STEP_BYTES) return Math.ceil(wanted / MAX_MAP_STEP_BYTES) * MAX_MAP_STEP_BYTES
  let size = MIN_MAP_BYTES
  while (size < wanted) size *= 2
  return size
}

export function treeRecord(
  flags: number,
  tree: TreeRoot,
  counts: Pick<DbRecord, 'leafPages' | 'overflowPages' | 'entries'>,
  pad = 0,
): DbRecord {
  const { leafPages, overflowPages, entries } = counts
  const { root, branchPages, levels } = leafPages === 0 ? noTree : tree
  return { pad, flags, depth: levels + 1, branchPages, leafPages, overflowPages, entries, root }
}

export function packRecord(record: DbRecord): Uint8Array {
  const bytes = new Uint8Array(DB_RECORD_BYTES)
  writeDbRecord(viewOf(bytes), 0, record)
  return bytes
}

export function metaPages(mainDb: DbRecord, freeDb: DbRecord, lastPage: number, mapSize: number): Uint8Array {
  const bytes = new Uint8Array(2 * PAGE_BYTES)
  const view = viewOf(bytes)
  for (const [index, txnId] of TXN_IDS.entries()) {
    const at = index * PAGE_BYTES
    writeU48(view, at, index)
    view.setUint16(at + 10, PageFlag.meta, true)
    view.setUint32(at + Meta.magic, MAGIC, true)
    view.setUint32(at + Meta.version, DATA_VERSION, true)
    writeU48(view, at + Meta.mapSize, mapSize)
    writeDbRecord(view, at + Meta.freeDb, freeDb)
    writeDbRecord(view, at + Meta.mainDb, mainDb)
    writeU48(view, at + Meta.lastPage, lastPage)
    writeU48(view, at + Meta.txnId, txnId)
  }
  return bytes
}
