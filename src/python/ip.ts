import { pyRepr } from './repr.js'

/** Text that Python's `ipaddress` (3.7) rejects as an address, with Python's own message. */
export class AddressError extends Error {
  override readonly name = 'AddressValueError'
}

const HEXTETS = 8

/**
 * The int of a dotted IPv4 address of exactly four decimal parts.
 *
 * @throws {AddressError}
 */
function parseIpv4(text: string): number {
  if (text.includes('/')) throw new AddressError(`Unexpected '/' in ${pyRepr(text)}`)
  if (text === '') throw new AddressError('Address cannot be empty')
  const octets = text.split('.')
  if (octets.length !== 4) throw new AddressError(`Expected 4 octets in ${pyRepr(text)}`)
  let int = 0
  for (const octet of octets) int = int * 256 + parseOctet(octet, text)
  return int
}

/**
 * The 16 bytes of an IPv6 address, which may end in a dotted IPv4 address; scopes are refused.
 *
 * @throws {AddressError}
 */
export function parseIpv6(text: string): Uint8Array {
  if (text.includes('/')) throw new AddressError(`Unexpected '/' in ${pyRepr(text)}`)
  if (text === '') throw new AddressError('Address cannot be empty')
  const parts = splitParts(text)
  const gap = findGap(parts, text)
  const { high, low } = gap < 0 ? countWhole(parts, text) : countAround(parts, gap, text)
  const bytes = new Uint8Array(2 * HEXTETS)
  for (let i = 0; i < high; i++) writeHextet(bytes, i, parts[i], text)
  for (let i = low; i > 0; i--) writeHextet(bytes, HEXTETS - i, parts[parts.length - i], text)
  return bytes
}

/** The text of an IPv6 address by RFC 5952, without dotted parts. */
export function formatIpv6(bytes: Uint8Array): string {
  const hextets = Array.from({ length: HEXTETS }, (_, i) => (bytes[2 * i] << 8) | bytes[2 * i + 1])
  const gap = longestZeros(hextets)
  const hex = hextets.map((hextet) => hextet.toString(16))
  if (gap.length < 2) return hex.join(':')
  return `${hex.slice(0, gap.start).join(':')}::${hex.slice(gap.start + gap.length).join(':')}`
}

export function formatIpv4(int: number): string {
  return `${int >>> 24}.${(int >>> 16) & 0xff}.${(int >>> 8) & 0xff}.${int & 0xff}`
}

function parseOctet(octet: string, text: string): number {
  const inText = `in ${pyRepr(text)}`
  if (octet === '') throw new AddressError(`Empty octet not permitted ${inText}`)
  if (!/^[0-9]+$/.test(octet)) throw new AddressError(`Only decimal digits permitted in ${pyRepr(octet)} ${inText}`)
  if (octet.length > 3) throw new AddressError(`At most 3 characters permitted in ${pyRepr(octet)} ${inText}`)
  const int = Number(octet)
  if (int > 7 && octet[0] === '0') {
    throw new AddressError(`Ambiguous (octal/decimal) value in ${pyRepr(octet)} not permitted ${inText}`)
  }
  if (int > 255) throw new AddressError(`Octet ${int} (> 255) not permitted ${inText}`)
  return int
}

function splitParts(text: string): string[] {
  const parts = text.split(':')
  if (parts.length < 3) throw new AddressError(`At least 3 parts expected in ${pyRepr(text)}`)
  const last = parts[parts.length - 1]
  if (last.includes('.')) {
    const ipv4 = dottedPart(last, text)
    parts.splice(-1, 1, (ipv4 >>> 16).toString(16), (ipv4 & 0xffff).toString(16))
  }
  if (parts.length > HEXTETS + 1) throw new AddressError(`At most ${HEXTETS} colons permitted in ${pyRepr(text)}`)
  return parts
}

function dottedPart(part: string, text: string): number {
  try {
    return parseIpv4(part)
  } catch (error) {
    if (error instanceof AddressError) throw new AddressError(`${error.message} in ${pyRepr(text)}`)
    throw error
  }
}

/** The index of the empty part that '::' makes, or -1. */
function findGap(parts: string[], text: string): number {
  let gap = -1
  for (let i = 1; i < parts.length - 1; i++) {
    if (parts[i] !== '') continue
    if (gap >= 0) throw new AddressError(`At most one '::' permitted in ${pyRepr(text)}`)
    gap = i
  }
  return gap
}

function countAround(parts: string[], gap: number, text: string): { high: number; low: number } {
  let high = gap
  let low = parts.length - gap - 1
  if (parts[0] === '' && --high > 0) throw loneColon('Leading', text)
  if (parts[parts.length - 1] === '' && --low > 0) throw loneColon('Trailing', text)
  if (high + low >= HEXTETS) {
    throw new AddressError(`Expected at most ${HEXTETS - 1} other parts with '::' in ${pyRepr(text)}`)
  }
  return { high, low }
}

function countWhole(parts: string[], text: string): { high: number; low: number } {
  if (parts.length !== HEXTETS) {
    throw new AddressError(`Exactly ${HEXTETS} parts expected without '::' in ${pyRepr(text)}`)
  }
  if (parts[0] === '') throw loneColon('Leading', text)
  if (parts[HEXTETS - 1] === '') throw loneColon('Trailing', text)
  return { high: HEXTETS, low: 0 }
}

function loneColon(where: string, text: string): AddressError {
  return new AddressError(`${where} ':' only permitted as part of '::' in ${pyRepr(text)}`)
}

function writeHextet(bytes: Uint8Array, index: number, hextet: string, text: string): void {
  if (!/^[0-9a-fA-F]*$/.test(hextet)) {
    throw new AddressError(`Only hex digits permitted in ${pyRepr(hextet)} in ${pyRepr(text)}`)
  }
  if (hextet.length > 4) {
    throw new AddressError(`At most 4 characters permitted in ${pyRepr(hextet)} in ${pyRepr(text)}`)
  }
  const int = Number.parseInt(hextet, 16)
  bytes[2 * index] = int >> 8
  bytes[2 * index + 1] = int
}

function longestZeros(hextets: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (let i = 0; i <= HEXTETS; i++) {
    if (i < HEXTETS && hextets[i] === 0) continue
    if (i - start > best.length) best = { start, length: i - start }
    start = i + 1
  }
  return best
}
