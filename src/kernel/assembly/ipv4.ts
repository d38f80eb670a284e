const DOT: u8 = 0x2e
const ZERO: u8 = 0x30

/** Writes the four bytes of the dotted address at `at`. Returns the end of it, or 0 when it is none or has odd zeros. */
export function dottedEnd(at: usize, end: usize, out: usize): usize {
  for (let i: u32 = 0; i < 4; i++) {
    if (i > 0 && (at == end || load<u8>(at++) != DOT)) return 0
    at = numberEnd(at, end, 3)
    if (at == 0 || number > 255) return 0
    store<u8>(out + i, <u8>number)
  }
  return at
}

/** The number that `numberEnd()` has found. */
let number: u32 = 0

export function lastNumber(): u32 {
  return number
}

/** The end of the decimal number at `at`; 0 when it is none, or has leading zeros, or too many digits. */
export function numberEnd(at: usize, end: usize, mostDigits: usize): usize {
  const start = at
  number = 0
  for (; at < end && at - start <= mostDigits; at++) {
    const digit = <u32>load<u8>(at) - ZERO
    if (digit > 9) break
    number = 10 * number + digit
  }
  const digits = at - start
  return digits == 0 || digits > mostDigits || (digits > 1 && load<u8>(start) == ZERO) ? 0 : at
}
