/**
 * LMDB data format 1 on a 64-bit little-endian machine, as py-lmdb 0.9x and 1.x write it. Names and numbers are from
 * mdb.c. docs/format/lmdb-pages.md has drawings.
 */

export const MAGIC = 0xbeefc0de
export const DATA_VERSION = 1
/**
 * The page size of the files that we build. LMDB takes it from the machine: x86-64 and the usual arm64 kernels use this
 * one.
 */
export const PAGE_BYTES = 4096
export const PAGE_HEADER_BYTES = 16
const MIN_PAGE_BYTES = 512
const MOST_PAGE_BYTES = 65_536
export const NODE_HEADER_BYTES = 8
export const DB_RECORD_BYTES = 48
export const MAX_KEY_BYTES = 511
/** `me_nodemax` of the pages that we build. */
export const MAX_NODE_BYTES = maxNodeBytes(PAGE_BYTES)
/** `P_INVALID`: the root of an empty tree. */
export const NO_PAGE = -1

export const PageFlag = {
  branch: 0x01,
  leaf: 0x02,
  overflow: 0x04,
  meta: 0x08,
  dirty: 0x10,
  leaf2: 0x20,
  sub: 0x40,
} as const
export const NodeFlag = { big: 0x01, subData: 0x02, dupData: 0x04 } as const
export const DbFlag = { reverseKey: 0x02, dupSort: 0x04, integerKey: 0x08, dupFixed: 0x10 } as const

/** Offsets within a meta page, page header included. */
export const Meta = { magic: 16, version: 20, mapSize: 32, freeDb: 40, mainDb: 88, lastPage: 136, txnId: 144 } as const

/** An `MDB_db`: where a tree starts and how much it holds. */
export interface DbRecord {
  readonly pad: number
  readonly flags: number
  readonly depth: number
  readonly branchPages: number
  readonly leafPages: number
  readonly overflowPages: number
  readonly entries: number
  /** Page number, or `NO_PAGE`. */
  readonly root: number
}

/**
 * `me_nodemax`: two nodes of this size and their offsets fit on a page. Larger nodes move their value to overflow pages.
 */
export function maxNodeBytes(pageBytes: number): number {
  return (((pageBytes - PAGE_HEADER_BYTES) / 2) & ~1) - 2
}

/** The page size in a meta page, or the usual one when the number makes no sense. LMDB uses 512 bytes to 32 KiB. */
export function storedPageBytes(named: number): number {
  const isPower = named >= MIN_PAGE_BYTES && named <= MOST_PAGE_BYTES && (named & (named - 1)) === 0
  return isPower ? named : PAGE_BYTES
}

export function readDbRecord(view: DataView, at: number): DbRecord {
  const root = view.getBigUint64(at + 40, true)
  return {
    pad: view.getUint32(at, true),
    flags: view.getUint16(at + 4, true),
    depth: view.getUint16(at + 6, true),
    branchPages: Number(view.getBigUint64(at + 8, true)),
    leafPages: Number(view.getBigUint64(at + 16, true)),
    overflowPages: Number(view.getBigUint64(at + 24, true)),
    entries: Number(view.getBigUint64(at + 32, true)),
    root: root === 0xffff_ffff_ffff_ffffn ? NO_PAGE : Number(root),
  }
}

export function writeDbRecord(view: DataView, at: number, record: DbRecord): void {
  view.setUint32(at, record.pad, true)
  view.setUint16(at + 4, record.flags, true)
  view.setUint16(at + 6, record.depth, true)
  view.setBigUint64(at + 8, BigInt(record.branchPages), true)
  view.setBigUint64(at + 16, BigInt(record.leafPages), true)
  view.setBigUint64(at + 24, BigInt(record.overflowPages), true)
  view.setBigUint64(at + 32, BigInt(record.entries), true)
  view.setBigInt64(at + 40, BigInt(record.root), true)
}

export function readU16(buf: Uint8Array, at: number): number {
  return buf[at] | (buf[at + 1] << 8)
}

export function readU32(buf: Uint8Array, at: number): number {
  return (buf[at] | (buf[at + 1] << 8) | (buf[at + 2] << 16) | (buf[at + 3] << 24)) >>> 0
}

/** Reads 48 bits, the size of a page number. */
export function readU48(buf: Uint8Array, at: number): number {
  return readU32(buf, at) + readU16(buf, at + 4) * 0x1_0000_0000
}

export function writeU48(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x1_0000_0000, true)
  view.setUint16(at + 4, value / 0x1_0000_0000, true)
}
