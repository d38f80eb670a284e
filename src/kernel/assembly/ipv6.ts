import { dottedEnd } from './ipv4'
import { same } from './spans'

const HEXTETS: u32 = 8
const MAPPED_BYTES: usize = 7
const COLON: u8 = 0x3a
/** "::ffff:", in front of an IPv4 address. */
const MAPPED = memory.data<u8>([0x3a, 0x3a, 0x66, 0x66, 0x66, 0x66, 0x3a])

/** Writes the 16 bytes of the address `[at, end)`. Returns whether norming would print it just so. */
export function canonicalIpv6(at: usize, end: usize, out: usize): bool {
  store<u64>(out, 0)
  store<u64>(out, 0, 8)
  if (end - at > MAPPED_BYTES && same(at, MAPPED, MAPPED_BYTES)) {
    store<u16>(out, 0xffff, 10)
    return dottedEnd(at + MAPPED_BYTES, end, out + 12) == end
  }
  return parse(at, end, out)
}

function parse(at: usize, end: usize, out: usize): bool {
  let count: u32 = 0
  let gap: i32 = -1
  if (end - at >= 2 && load<u8>(at) == COLON && load<u8>(at, 1) == COLON) {
    gap = 0
    at += 2
  }
  while (at < end) {
    if (count == HEXTETS) return false
    const start = at
    let hextet: u32 = 0
    for (; at < end && at - start < 4; at++) {
      const digit = lowerDigit(load<u8>(at))
      if (digit > 15) break
      hextet = (hextet << 4) | digit
    }
    if (at == start || (at - start > 1 && load<u8>(start) == 0x30)) return false
    store<u16>(out + 2 * count++, bswap<u16>(<u16>hextet))
    if (at == end) break
    if (load<u8>(at++) != COLON || at == end) return false
    if (load<u8>(at) != COLON) continue
    if (gap >= 0) return false
    gap = count
    at++
  }
  if (gap < 0) return count == HEXTETS && longestZeros(out) < 0
  const behind = count - gap
  const zeros = HEXTETS - count
  for (let i: u32 = 1; i <= behind; i++) {
    const from = out + 2 * (count - i)
    store<u16>(out + 2 * (HEXTETS - i), load<u16>(from))
    store<u16>(from, 0)
  }
  return longestZeros(out) == ((gap << 8) | zeros)
}

/** The first of the longest runs of two and more zeros: where it starts, shifted by 8, and its length; -1 for none. */
function longestZeros(out: usize): i32 {
  let best: i32 = -1
  let bestCount: u32 = 1
  let start: u32 = 0
  for (let i: u32 = 0; i <= HEXTETS; i++) {
    if (i < HEXTETS && load<u16>(out + 2 * i) == 0) continue
    if (i - start > bestCount) {
      bestCount = i - start
      best = (start << 8) | bestCount
    }
    start = i + 1
  }
  return best
}

function lowerDigit(char: u32): u32 {
  if (char - 0x30 <= 9) return char - 0x30
  return char - 0x61 <= 5 ? char - 0x57 : 0xff
}
