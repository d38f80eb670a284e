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
