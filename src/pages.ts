/**
 * Reads LMDB slabs page by page, without an LMDB environment, and writes nothing, not even a lock file. For slabs of
 * data format 1 that nobody writes to at the same time.
 *
 * @module
 */
export type { ByteList } from './bytes/byte-list.js'
export type { DbRecord } from './page/format.js'
export { type DbReader, SlabReader } from './page/page-reader.js'
export { type SlabWalk, type TreeCounts, walkSlab } from './page/page-walker.js'
export type { Leaves, RowAt, RowCursor } from './page/row-cursor.js'
