import { Check, CheckKind } from './check-kinds'
import { isSureText } from './check-texts'
import { learnCheck } from './env'
import { canonicalIpv6 } from './ipv6'
import { freeAll, LINK_BYTES, linked } from './memory'
import { intAt, NO_INT, skip, textStart, u64At } from './msgpack'
import { NameMap } from './name-map'
import { compare } from './spans'

// Tells by the bytes of a value that it norms to itself. What a type asks for JavaScript says once (`byteCheck` of
// src/model/type.ts); whatever is not sure is JavaScript's.

const FIXARRAY: u32 = 0x90
const PAIR: u8 = 0x92
const FLOAT64: u8 = 0xcb
const FALSE: u8 = 0xc2
const TRUE: u8 = 0xc3

const addresses = memory.data(32, 8)

let checks: usize = 0
let tables: usize = 0
/** The checks of forms that ndefs name. */
const ndefs = new NameMap()

/** Adds a check with room for `count` items: `setCheckItem()` each. */
export function newCheck(kind: CheckKind, chars: usize, low: f64, high: f64, mark: u32, count: u32): usize {
  const check = changetype<Check>(heap.alloc(offsetof<Check>() + 4 * count))
  check.next = checks
  check.kind = kind
  check.chars = chars
  check.low = low
  check.high = high
  check.mark = mark
  check.count = count
  checks = changetype<usize>(check)
  return checks
}

export function setCheckItem(check: usize, index: u32, item: usize): void {
  store<usize>(check + offsetof<Check>() + 4 * index, item)
}

/** Returns where to put a table of a check: which bytes a text may have, or the values of a choice. */
export function newTable(bytes: u32): usize {
  tables = linked(tables, bytes)
  return tables + LINK_BYTES
}

export function forgetChecks(): void {
  freeAll(checks)
  freeAll(tables)
  checks = 0
  tables = 0
  ndefs.clear()
}

/** Whether the value `[at, end)`, which is well-formed msgpack, surely norms to itself. */
export function isSure(check: Check, at: usize, end: usize): bool {
  switch (check.kind) {
    case CheckKind.int:
      return isInt(check, at)
    case CheckKind.float:
      return isFloat(check, at)
    case CheckKind.tuple:
      return isTuple(check, at, end)
    case CheckKind.ordered:
      return isTuple(check, at, end) && isOrdered(check, at, end)
    case CheckKind.ndef:
      return isNdef(at, end)
    case CheckKind.choice:
      return isChoice(check, at)
    case CheckKind.imei:
      return isInt(check, at) && isImei(intAt(at))
    case CheckKind.ipv6Range:
      return isTuple(check, at, end) && isIpv6Range(at, end)
    default: {
      const from = textStart(at)
      return from != 0 && isSureText(check, from, end)
    }
  }
}

function isInt(check: Check, at: usize): bool {
  const tag = load<u8>(at)
  if (tag == FALSE || tag == TRUE) return false
  const int = intAt(at)
  return int != NO_INT && <f64>int >= check.low && <f64>int <= check.high
}

function isChoice(check: Check, at: usize): bool {
  if (!isInt(check, at)) return false
  const int = <f64>intAt(at)
  for (let i: u32 = 0; i < check.mark; i++) if (load<f64>(check.chars + 8 * i) == int) return true
  return false
}

/** Whether the last of 15 digits is that of Luhn for the others. */
function isImei(imei: i64): bool {
  let sum: i64 = 0
  for (let i = 0; i < 15; i++) {
    const digit = imei % 10
    sum += (i & 1) == 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit
    imei /= 10
  }
  return sum % 10 == 0
}

/** The bounds themselves are not sure: whether they are valid differs. */
function isFloat(check: Check, at: usize): bool {
  if (load<u8>(at) != FLOAT64) return false
  const float = reinterpret<f64>(u64At(at + 1))
  return float > check.low && float < check.high
}

function isTuple(check: Check, at: usize, end: usize): bool {
  if (load<u8>(at) != (FIXARRAY | check.count)) return false
  let item = at + 1
  for (let i: u32 = 0; i < check.count; i++) {
    const itemEnd = skip(item, end)
    if (!isSure(check.item(i), item, itemEnd)) return false
    item = itemEnd
  }
  return true
}

/** Whether the second of two ints is at least so much above the first. */
function isOrdered(check: Check, at: usize, end: usize): bool {
  return <f64>intAt(skip(at + 1, end)) - <f64>intAt(at + 1) >= check.low
}

/** Whether the first of two addresses is not above the second. */
function isIpv6Range(at: usize, end: usize): bool {
  const behind = skip(at + 1, end)
  canonicalIpv6(textStart(at + 1), behind, addresses)
  canonicalIpv6(textStart(behind), end, addresses + 16)
  return compare(addresses, 16, addresses + 16, 16) <= 0
}

function isNdef(at: usize, end: usize): bool {
  if (load<u8>(at) != PAIR) return false
  const name = textStart(at + 1)
  if (name == 0) return false
  const nameEnd = skip(at + 1, end)
  const bytes = <u32>(nameEnd - name)
  let check = <usize>max(ndefs.find(0, name, bytes), 0)
  if (check == 0) {
    check = learnCheck(name, bytes)
    if (check == 0) return false
    ndefs.add(0, name, bytes, <i32>check)
  }
  return isSure(changetype<Check>(check), nameEnd, end)
}
