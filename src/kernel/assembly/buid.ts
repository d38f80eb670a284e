/** A buid is a SHA-256: the key of a node in every slab. */
export const BUID_BYTES: u32 = 32
