// LMDB data format 1 (src/page/format.ts): what the page builder needs.

export const PAGE_BYTES: u32 = 4096
export const PAGE_HEADER_BYTES: u32 = 16
export const NODE_HEADER_BYTES: u32 = 8
export const DB_RECORD_BYTES: u32 = 48
export const MAX_KEY_BYTES: u32 = 511
/** `me_nodemax`: larger nodes move their value to overflow pages. */
export const MAX_NODE_BYTES: u32 = 2038
export const BIG_REF_BYTES: u32 = 8

export const PAGE_BRANCH: u16 = 0x01
export const PAGE_LEAF: u16 = 0x02
/** Pages of keys without values, which no database of ours has. */
const PAGE_LEAF2: u16 = 0x20
/**
 * Leaf, dirty and sub. LMDB leaves the dirty flag set in sub-pages. Without it, a later write would treat the sub-page
 * as a page of its own, and corrupt the file.
 */
export const SUB_PAGE_FLAGS: u16 = 0x52
/** LMDB leaves an old page number here. It only reads it as a root, which is above 1. */
export const SUB_PAGE_NUMBER: u32 = 2

export const NODE_BIG: u16 = 0x01
export const NODE_SUB_DATA: u16 = 0x02
export const NODE_DUP_DATA: u16 = 0x04

/** How many nodes a page has; 0 when it is not a sound leaf page. */
export function leafNodes(page: usize, pageBytes: u32): u32 {
  if ((load<u16>(page, 10) & (PAGE_BRANCH | PAGE_LEAF | PAGE_LEAF2)) != PAGE_LEAF) return 0
  const lower: u32 = load<u16>(page, 12)
  return lower < PAGE_HEADER_BYTES || lower > pageBytes || (lower & 1) != 0 ? 0 : (lower - PAGE_HEADER_BYTES) >> 1
}
