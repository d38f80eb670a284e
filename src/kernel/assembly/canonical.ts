import { skip } from './msgpack'

/** Deeper values are rare, and not worth the stack. */
const MOST_DEPTH: u32 = 16

/**
 * The address behind the value at `at` if Synapse's encoder surely writes the same bytes for it, else 0. It is 0 for
 * maps and extension values too: a map may repeat a key, and looking for that costs too much.
 */
export function canonicalEnd(at: usize, end: usize, depth: u32 = 0): usize {
  if (at >= end) return 0
  const tag = load<u8>(at)
  if (tag <= 0x7f || tag >= 0xe0) return at + 1
  if (tag >= 0xa0 && tag <= 0xbf) return skip(at, end)
  if (tag >= 0x90 && tag <= 0x9f) return canonicalItems(at + 1, end, tag & 0x0f, depth)
  // The tag and all that tells whether it is the shortest lie within the value.
  if (skip(at, end) == 0 || !isShortest(at, tag)) return 0
  return tag == 0xdc ? canonicalItems(at + 3, end, bswap<u16>(load<u16>(at, 1)), depth) : skip(at, end)
}

function canonicalItems(at: usize, end: usize, count: u32, depth: u32): usize {
  if (depth >= MOST_DEPTH) return 0
  for (let i: u32 = 0; i < count; i++) {
    at = canonicalEnd(at, end, depth + 1)
    if (at == 0) return 0
  }
  return at
}

/** Whether no shorter form could hold the value or its length. */
function isShortest(at: usize, tag: u32): bool {
  switch (tag) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
    case 0xc4:
    case 0xcb:
      return true
    case 0xcc:
      return load<u8>(at, 1) >= 0x80
    case 0xc5:
    case 0xcd:
    case 0xda:
      return load<u8>(at, 1) != 0
    case 0xc6:
    case 0xce:
    case 0xdb:
      return load<u16>(at, 1) != 0
    case 0xcf:
      return load<u32>(at, 1) != 0
    case 0xd0: {
      const value = load<i8>(at, 1)
      return value < -32
    }
    case 0xd1: {
      const value = <i16>bswap<u16>(load<u16>(at, 1))
      return value < -0x80
    }
    case 0xd2: {
      const value = <i32>bswap<u32>(load<u32>(at, 1))
      return value < -0x8000
    }
    case 0xd3: {
      const value = <i64>bswap<u64>(load<u64>(at, 1))
      return value < -0x80000000
    }
    case 0xd9:
      return load<u8>(at, 1) > 31
    case 0xdc:
      return bswap<u16>(load<u16>(at, 1)) > 15
    default:
      return false
  }
}
