/** Above this length the engine's copy is faster than a loop. */
const ENGINE_COPY_BYTES: usize = 64

/**
 * Copies `bytes` bytes. Rows are short, so this copies eight bytes at a time, the last eight overlapping the ones before.
 * The spans must not overlap.
 */
export function copy(to: usize, from: usize, bytes: usize): void {
  if (bytes > ENGINE_COPY_BYTES) {
    memory.copy(to, from, bytes)
    return
  }
  if (bytes >= 8) {
    const last = bytes - 8
    for (let i: usize = 0; i < last; i += 8) store<u64>(to + i, load<u64>(from + i))
    store<u64>(to + last, load<u64>(from + last))
    return
  }
  if (bytes >= 4) {
    const last = bytes - 4
    const end = load<u32>(from + last)
    store<u32>(to, load<u32>(from))
    store<u32>(to + last, end)
    return
  }
  for (let i: usize = 0; i < bytes; i++) store<u8>(to + i, load<u8>(from + i))
}

/** `memcmp`, then the shorter one first: how LMDB orders keys and duplicates. Negative, 0 or positive. */
export function compare(a: usize, aBytes: usize, b: usize, bBytes: usize): i32 {
  const shared = min(aBytes, bBytes)
  let i: usize = 0
  for (; i + 8 <= shared; i += 8) {
    const x = load<u64>(a + i)
    const y = load<u64>(b + i)
    if (x != y) return bswap<u64>(x) < bswap<u64>(y) ? -1 : 1
  }
  for (; i < shared; i++) {
    const diff = <i32>load<u8>(a + i) - <i32>load<u8>(b + i)
    if (diff != 0) return diff
  }
  return <i32>aBytes - <i32>bBytes
}

/** Whether two spans of one length hold the same bytes. The last eight bytes overlap the ones before. */
export function same(a: usize, b: usize, bytes: usize): bool {
  if (bytes >= 8) {
    const last = bytes - 8
    for (let i: usize = 0; i < last; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false
    return load<u64>(a + last) == load<u64>(b + last)
  }
  if (bytes >= 4) {
    const last = bytes - 4
    return load<u32>(a) == load<u32>(b) && load<u32>(a + last) == load<u32>(b + last)
  }
  for (let i: usize = 0; i < bytes; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false
  return true
}

/** A hash of 64 bits; the upper ones are the best. The last eight bytes overlap the ones before. */
export function hashOf(at: usize, bytes: usize, seed: u64 = 0): u64 {
  let hash = seed ^ bytes
  if (bytes >= 8) {
    const last = bytes - 8
    for (let i: usize = 0; i < last; i += 8) hash = mixed(hash ^ load<u64>(at + i))
    return mixed(hash ^ load<u64>(at + last))
  }
  if (bytes >= 4) return mixed(hash ^ load<u32>(at) ^ ((<u64>load<u32>(at + bytes - 4)) << 32))
  for (let i: usize = 0; i < bytes; i++) hash = (hash << 8) ^ load<u8>(at + i)
  return mixed(hash)
}

function mixed(hash: u64): u64 {
  hash *= 0x9e3779b97f4a7c15
  hash ^= hash >> 32
  return hash * 0x9e3779b97f4a7c15
}
