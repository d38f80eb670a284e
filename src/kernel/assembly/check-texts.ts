import { Check, CheckKind } from './check-kinds'
import { dottedEnd, lastNumber, numberEnd } from './ipv4'
import { canonicalIpv6 } from './ipv6'
import { same } from './spans'

const SPACE: u8 = 0x20
const DOT: u8 = 0x2e
const SLASH: u8 = 0x2f
const COLON: u8 = 0x3a
const LESS: u8 = 0x3c
const MORE: u8 = 0x3e
const QUESTION: u8 = 0x3f
const AT: u8 = 0x40
const MOST_PORT: u32 = 65535

const TCP = memory.data<u8>([0x74, 0x63, 0x70, 0x3a, 0x2f, 0x2f])
const UDP = memory.data<u8>([0x75, 0x64, 0x70, 0x3a, 0x2f, 0x2f])
const ICMP = memory.data<u8>([0x69, 0x63, 0x6d, 0x70, 0x3a, 0x2f, 0x2f])
const SHA256 = memory.data<u8>([0x73, 0x68, 0x61, 0x32, 0x35, 0x36, 0x3a])
const GUID = memory.data<u8>([0x67, 0x75, 0x69, 0x64, 0x3a])
const ARPA = memory.data<u8>([0x61, 0x72, 0x70, 0x61])
const address = memory.data(16, 8)

/** Whether the text `[at, end)`, which is UTF-8 that may have surrogates, surely norms to itself. */
export function isSureText(check: Check, at: usize, end: usize): bool {
  switch (check.kind) {
    case CheckKind.text:
      return isText(check, at, end)
    case CheckKind.sequence:
      return isSequence(check, at, end)
    case CheckKind.parts:
      return partsEnd(check, at, end) == end
    case CheckKind.fqdn:
      return isFqdn(check, at, end)
    case CheckKind.dnsName:
      return isText(check, at, end) && !(end - at >= 4 && same(end - 4, ARPA, 4))
    case CheckKind.email: {
      const user = charsEnd(check.chars, at, end)
      return user < end && load<u8>(user) == AT && isSureText(check.item(0), user + 1, end)
    }
    case CheckKind.url:
      return isUrl(check, at, end)
    case CheckKind.addr:
      return isAddr(at, end)
    case CheckKind.fileBytes: {
      const bytes = end - at
      const prefixBytes: usize = bytes == 71 && same(at, SHA256, 7) ? 7 : bytes == 37 && same(at, GUID, 5) ? 5 : bytes
      return prefixBytes < bytes && charsEnd(check.chars, at + prefixBytes, end) == end
    }
    case CheckKind.filePath:
      return isFilePath(check, at, end)
    case CheckKind.ipv6:
      return canonicalIpv6(at, end, address)
    case CheckKind.cidr4:
      return isCidr4(at, end)
    case CheckKind.cidr6:
      return isCidr6(at, end)
    case CheckKind.mailAddr:
      return isMailAddr(check, at, end)
    default:
      return false
  }
}

/** Whether it has an allowed length, which is a multiple of the mark, and allowed bytes, with no space at its ends. */
function isText(check: Check, at: usize, end: usize): bool {
  const bytes = <u32>(end - at)
  if (<f64>bytes < check.low || <f64>bytes > check.high || bytes % check.mark != 0) return false
  return charsEnd(check.chars, at, end) == end && !hasOuterSpace(at, end)
}

function isSequence(check: Check, at: usize, end: usize): bool {
  if (charsEnd(check.chars, at, end) != end) return false
  for (let i: u32 = 0; i < check.count; i++) {
    const item = check.item(i)
    const stop = charsEnd(item.chars, at, <f64>(end - at) > item.high ? at + <usize>item.high : end)
    if (<f64>(stop - at) < item.low) return false
    at = stop
  }
  return at == end
}

/** The end of the parts at `at` that have allowed bytes and the mark between them; 0 when one is empty or too long. */
function partsEnd(check: Check, at: usize, end: usize): usize {
  while (true) {
    const start = at
    at = charsEnd(check.chars, at, end)
    if (at == start || <f64>(at - start) > check.high) return 0
    if (at == end || load<u8>(at) != check.mark) return at
    at++
  }
}

function isFqdn(check: Check, at: usize, end: usize): bool {
  if (partsEnd(check, at, end) != end) return false
  // It might be an address. Most names end in a letter.
  for (let i = end - 1; i >= at; i--) {
    const char = load<u8>(i)
    if (char != DOT && <u32>char - 0x30 > 9) return true
  }
  return false
}

/** A protocol, a name that is no address, and perhaps a port: norming keeps what follows. */
function isUrl(check: Check, at: usize, end: usize): bool {
  const host = charsEnd(check.chars, at, end) + 3
  if (host >= end || host == at + 3 || load<u16>(host - 3) != 0x2f3a || load<u8>(host - 1) != SLASH) return false
  if (<u32>load<u8>(host) - 0x61 > 25) return false
  let rest = partsEnd(check.item(0), host, end)
  if (rest == 0) return false
  if (rest < end && load<u8>(rest) == COLON) {
    rest = portEnd(rest + 1, end)
    if (rest == 0) return false
  }
  if (rest == end) return true
  if (load<u8>(rest) != SLASH && load<u8>(rest) != QUESTION) return false
  // An empty query would be dropped.
  let hasQuery = false
  for (; rest < end; rest++) {
    if (load<u8>(rest) != QUESTION || hasQuery) continue
    if (rest == end - 1) return false
    hasQuery = true
  }
  return true
}

function isAddr(at: usize, end: usize): bool {
  if (end - at < 8) return false
  const protocolBytes: usize = same(at, TCP, 6) || same(at, UDP, 6) ? 6 : same(at, ICMP, 7) ? 7 : 0
  if (protocolBytes == 0) return false
  const rest = dottedEnd(at + protocolBytes, end, address)
  return rest == end || (rest != 0 && load<u8>(rest) == COLON && portEnd(rest + 1, end) == end)
}

/** Whether it has no part that is empty or relative, but perhaps a leading slash. */
function isFilePath(check: Check, at: usize, end: usize): bool {
  if (at < end && load<u8>(at) == SLASH) at++
  if (partsEnd(check, at, end) != end || hasOuterSpace(at, end)) return false
  for (let start = at; at <= end; at++) {
    if (at < end && load<u8>(at) != SLASH) continue
    if (at - start == 1 && load<u8>(start) == DOT) return false
    if (at - start == 2 && load<u16>(start) == 0x2e2e) return false
    start = at + 1
  }
  return true
}

/** Whether the bits behind the prefix are 0. */
function isCidr4(at: usize, end: usize): bool {
  at = dottedEnd(at, end, address)
  if (at == 0 || at == end || load<u8>(at) != SLASH || numberEnd(at + 1, end, 2) != end) return false
  const length = lastNumber()
  return length <= 32 && (<u64>bswap<u32>(load<u32>(address)) & (0xffffffff >> length)) == 0
}

/** The same; addresses with a dotted part are printed without it. */
function isCidr6(at: usize, end: usize): bool {
  let slash = at
  for (; slash < end && load<u8>(slash) != SLASH; slash++) if (load<u8>(slash) == DOT) return false
  if (slash == end || !canonicalIpv6(at, slash, address) || numberEnd(slash + 1, end, 3) != end) return false
  const length = lastNumber()
  if (length > 128) return false
  const high = bswap<u64>(load<u64>(address))
  const low = bswap<u64>(load<u64>(address, 8))
  return length < 64
    ? low == 0 && (high & (u64.MAX_VALUE >> length)) == 0
    : length == 128 || (low & (u64.MAX_VALUE >> (length - 64))) == 0
}

/** Whether it is an address of plain words, perhaps in angle brackets behind a name of plain words. */
function isMailAddr(check: Check, at: usize, end: usize): bool {
  if (at < end && load<u8>(end - 1) == MORE) {
    let less = at
    while (less < end && load<u8>(less) != LESS) less++
    if (less < at + 2 || load<u8>(less - 1) != SPACE || partsEnd(check.item(0), at, less - 1) != less - 1) return false
    at = less + 1
    end--
  }
  const user = partsEnd(check.item(1), at, end)
  return user != 0 && user < end && load<u8>(user) == AT && isSureText(check.item(2), user + 1, end)
}

function portEnd(at: usize, end: usize): usize {
  const rest = numberEnd(at, end, 5)
  return lastNumber() <= MOST_PORT ? rest : 0
}

/** The first byte that the table does not have, or `end`. */
function charsEnd(chars: usize, at: usize, end: usize): usize {
  while (at < end && load<u8>(chars + load<u8>(at)) != 0) at++
  return at
}

function hasOuterSpace(at: usize, end: usize): bool {
  return at < end && (load<u8>(at) == SPACE || load<u8>(end - 1) == SPACE)
}
