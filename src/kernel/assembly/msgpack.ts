/** msgpack-python gives up at this depth too. */
const MAX_DEPTH: u32 = 511
/** Ints beyond are big ints in JavaScript, which takes care of them. */
const SAFE: i64 = (1 << 53) - 1
export const NO_INT = i64.MIN_VALUE

/** The address behind the value at `at`; 0 when it does not end by `end`, or holds text that is not UTF-8. */
export function skip(at: usize, end: usize, depth: u32 = 0): usize {
  if (at >= end) return 0
  const tag = <u32>load<u8>(at)
  if (tag <= 0x7f || tag >= 0xe0) return at + 1
  if (tag <= 0x8f) return skipMany(at + 1, end, 2 * (tag & 0x0f), depth)
  if (tag <= 0x9f) return skipMany(at + 1, end, tag & 0x0f, depth)
  if (tag <= 0xbf) return skipText(at + 1, tag & 0x1f, end)
  switch (tag) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return at + 1
    case 0xcc:
    case 0xd0:
      return within(at, 2, end)
    case 0xcd:
    case 0xd1:
      return within(at, 3, end)
    case 0xca:
    case 0xce:
    case 0xd2:
      return within(at, 5, end)
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return within(at, 9, end)
    case 0xd9:
      return within(at, 2, end) == 0 ? 0 : skipText(at + 2, load<u8>(at, 1), end)
    case 0xda:
      return within(at, 3, end) == 0 ? 0 : skipText(at + 3, u16At(at + 1), end)
    case 0xdb:
      return within(at, 5, end) == 0 ? 0 : skipText(at + 5, u32At(at + 1), end)
    case 0xc4:
      return within(at, 2, end) == 0 ? 0 : within(at, 2 + <u64>load<u8>(at, 1), end)
    case 0xc5:
      return within(at, 3, end) == 0 ? 0 : within(at, 3 + <u64>u16At(at + 1), end)
    case 0xc6:
      return within(at, 5, end) == 0 ? 0 : within(at, 5 + <u64>u32At(at + 1), end)
    case 0xdc:
      return within(at, 3, end) == 0 ? 0 : skipMany(at + 3, end, u16At(at + 1), depth)
    case 0xdd:
      return within(at, 5, end) == 0 ? 0 : skipMany(at + 5, end, u32At(at + 1), depth)
    case 0xde:
      return within(at, 3, end) == 0 ? 0 : skipMany(at + 3, end, 2 * <u64>u16At(at + 1), depth)
    case 0xdf:
      return within(at, 5, end) == 0 ? 0 : skipMany(at + 5, end, 2 * <u64>u32At(at + 1), depth)
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return within(at, 2 + ((<u64>1) << (tag - 0xd4)), end)
    case 0xc7:
      return within(at, 3, end) == 0 ? 0 : within(at, 3 + <u64>load<u8>(at, 1), end)
    case 0xc8:
      return within(at, 4, end) == 0 ? 0 : within(at, 4 + <u64>u16At(at + 1), end)
    case 0xc9:
      return within(at, 6, end) == 0 ? 0 : within(at, 6 + <u64>u32At(at + 1), end)
    default:
      return 0
  }
}

/** Where the UTF-8 of a text starts; 0 when the value is not text. */
export function textStart(at: usize): usize {
  const tag = load<u8>(at)
  if (tag >= 0xa0 && tag <= 0xbf) return at + 1
  return tag == 0xd9 ? at + 2 : tag == 0xda ? at + 3 : tag == 0xdb ? at + 5 : 0
}

/** The first byte that is not ASCII, or `end`. */
export function asciiEnd(at: usize, end: usize): usize {
  if (end - at >= 8) {
    for (; at + 8 < end; at += 8) if ((load<u64>(at) & 0x8080808080808080) != 0) break
    // The last eight bytes, which overlap the ones before.
    if (at + 8 >= end && (load<u64>(end - 8) & 0x8080808080808080) == 0) return end
  }
  while (at < end && load<u8>(at) < 0x80) at++
  return at
}

/** The int (or bool) at `at`, or NO_INT. */
export function intAt(at: usize): i64 {
  const tag = load<u8>(at)
  if (tag <= 0x7f) return tag
  if (tag >= 0xe0) return <i64>tag - 0x100
  switch (tag) {
    case 0xc2:
      return 0
    case 0xc3:
      return 1
    case 0xcc:
      return load<u8>(at, 1)
    case 0xcd:
      return u16At(at + 1)
    case 0xce:
      return u32At(at + 1)
    case 0xcf: {
      const value = u64At(at + 1)
      return value <= <u64>SAFE ? <i64>value : NO_INT
    }
    case 0xd0:
      return load<i8>(at, 1)
    case 0xd1:
      return <i16>u16At(at + 1)
    case 0xd2:
      return <i32>u32At(at + 1)
    case 0xd3: {
      const value = <i64>u64At(at + 1)
      return value >= -SAFE && value <= SAFE ? value : NO_INT
    }
    default:
      return NO_INT
  }
}

export function u16At(at: usize): u32 {
  return <u32>bswap<u16>(load<u16>(at))
}

export function u32At(at: usize): u32 {
  return bswap<u32>(load<u32>(at))
}

export function u64At(at: usize): u64 {
  return bswap<u64>(load<u64>(at))
}

function skipMany(at: usize, end: usize, count: u64, depth: u32): usize {
  if (depth >= MAX_DEPTH) return 0
  for (let i: u64 = 0; i < count; i++) {
    at = skip(at, end, depth + 1)
    if (at == 0) return 0
  }
  return at
}

function skipText(at: usize, bytes: u64, end: usize): usize {
  const stop = within(at, bytes, end)
  if (stop == 0) return 0
  const from = asciiEnd(at, stop)
  return from == stop || isUtf8(from, stop) ? stop : 0
}

/** Whether it is UTF-8, where surrogates are allowed, as Python's `surrogatepass` does. */
function isUtf8(at: usize, end: usize): bool {
  while (at < end) {
    const lead = load<u8>(at)
    if (lead < 0x80) {
      at++
      continue
    }
    const bytes: usize =
      lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0
    if (bytes == 0 || at + bytes > end) return false
    const second = load<u8>(at, 1)
    if ((second & 0xc0) != 0x80) return false
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
      return false
    for (let i: usize = 2; i < bytes; i++) if ((load<u8>(at + i) & 0xc0) != 0x80) return false
    at += bytes
  }
  return true
}

function within(at: usize, bytes: u64, end: usize): usize {
  return <u64>at + bytes > <u64>end ? 0 : at + <usize>bytes
}
