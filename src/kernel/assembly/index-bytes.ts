import { canonicalEnd } from './canonical'
import { canonicalIpv6 } from './ipv6'
import { asciiEnd, intAt, NO_INT, skip, textStart } from './msgpack'
import { sha256 } from './sha256'
import { copy } from './spans'

// The stortypes of the 0.2.x layer whose usual values are translated here; JavaScript knows all: src/stortype.
const UTF8: u32 = 1
const U8: u32 = 2
const U16: u32 = 3
const U32: u32 = 4
const U64: u32 = 5
const I8: u32 = 6
const I16: u32 = 7
const I32: u32 = 8
const I64: u32 = 9
const GUID: u32 = 10
const TIME: u32 = 11
const IVAL: u32 = 12
const MSGP: u32 = 13
const LOC: u32 = 15
const TAG: u32 = 16
const FQDN: u32 = 17
const IPV6: u32 = 18
const MIN_TIME: u32 = 21
const FLOAT64: u32 = 22

const NULL: u8 = 0xc0
const MOST_TEXT_BYTES: usize = 256
const MOST_INDEX_BYTES: usize = 503

/** Writes the index of the value `[at, end)` and returns its length; -1 when JavaScript has to make it. */
export function writeIndex(stortype: u32, at: usize, end: usize, out: usize): i32 {
  switch (stortype) {
    case UTF8:
      return text(at, end, out)
    case U8:
      return small(at, 1, 0, out)
    case U16:
      return small(at, 2, 0, out)
    case U32:
      return small(at, 4, 0, out)
    case I8:
      return small(at, 1, 0x7f, out)
    case I16:
      return small(at, 2, 0x7fff, out)
    case I32:
      return small(at, 4, 0x7fffffff, out)
    case U64: {
      const value = intAt(at)
      if (value < 0) return -1
      store<u64>(out, bswap<u64>(value))
      return 8
    }
    case I64:
    case TIME:
    case MIN_TIME:
      return int64(at, out)
    case IVAL: {
      if (load<u8>(at) != 0x92 || int64(at + 1, out) < 0) return -1
      return int64(skip(at + 1, end), out + 8) < 0 ? -1 : 16
    }
    case GUID:
      return hex(at, end, out)
    case MSGP: {
      if (load<u8>(at) == NULL || canonicalEnd(at, end) != end) return -1
      sha256(out, at, end - at)
      return 32
    }
    case LOC:
    case TAG:
      return hierarchy(at, end, out)
    case FQDN:
      return reversed(at, end, out)
    case IPV6: {
      const from = textStart(at)
      return from != 0 && canonicalIpv6(from, end, out) ? 16 : -1
    }
    case FLOAT64: {
      if (load<u8>(at) != 0xcb) return -1
      store<u64>(out, load<u64>(at, 1))
      return 8
    }
    default:
      return -1
  }
}

function text(at: usize, end: usize, out: usize): i32 {
  const from = textStart(at)
  if (from == 0 || end - from > MOST_TEXT_BYTES) return -1
  copy(out, from, end - from)
  return <i32>(end - from)
}

function small(at: usize, bytes: u32, offset: i64, out: usize): i32 {
  const int = intAt(at)
  if (int == NO_INT) return -1
  const value = int + offset
  if (value < 0 || value >> (8 * bytes) != 0) return -1
  for (let i: u32 = 0; i < bytes; i++) store<u8>(out + i, <u8>(value >> (8 * (bytes - 1 - i))))
  return <i32>bytes
}

function int64(at: usize, out: usize): i32 {
  const int = intAt(at)
  if (int == NO_INT) return -1
  store<u64>(out, bswap<u64>(<u64>int + 0x7fffffffffffffff))
  return 8
}

function hex(at: usize, end: usize, out: usize): i32 {
  const from = textStart(at)
  if (from == 0) return -1
  const bytes = (end - from) >> 1
  if (((end - from) & 1) != 0 || bytes > MOST_INDEX_BYTES) return -1
  for (let i: usize = 0; i < bytes; i++) {
    const high = digit(load<u8>(from + 2 * i))
    const low = digit(load<u8>(from + 2 * i + 1))
    if ((high | low) > 15) return -1
    store<u8>(out + i, <u8>((high << 4) | low))
  }
  return <i32>bytes
}

function digit(char: u32): u32 {
  if (char - 0x30 <= 9) return char - 0x30
  const letter = (char | 0x20) - 0x61
  return letter <= 5 ? letter + 10 : 0xff
}

function hierarchy(at: usize, end: usize, out: usize): i32 {
  const from = textStart(at)
  if (from == 0 || end - from >= MOST_INDEX_BYTES || asciiEnd(from, end) != end) return -1
  copy(out, from, end - from)
  store<u8>(out + (end - from), 0x2e)
  return <i32>(end - from) + 1
}

function reversed(at: usize, end: usize, out: usize): i32 {
  const from = textStart(at)
  if (from == 0 || end - from > MOST_TEXT_BYTES || asciiEnd(from, end) != end) return -1
  for (let i: usize = end; i > from; i--) store<u8>(out + (end - i), load<u8>(i - 1))
  return <i32>(end - from)
}
