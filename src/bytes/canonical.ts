import { skip } from './msgpack.js'

/**
 * Whether Synapse's encoder surely writes the same bytes as `buf[start, end)` for the value that they hold. False for
 * maps and extension values: a map may repeat a key, and looking for that costs too much.
 */
export function isCanonical(buf: Uint8Array, start: number, end: number): boolean {
  return canonicalEnd(buf, start, end) === end
}

/** The position after a canonical value, or -1. */
function canonicalEnd(buf: Uint8Array, pos: number, end: number): number {
  const tag = buf[pos]
  if (tag <= 0x7f || tag >= 0xe0) return pos + 1
  if (tag >= 0x90 && tag <= 0x9f) return canonicalItems(buf, pos + 1, end, tag & 0x0f)
  if (tag >= 0xa0 && tag <= 0xbf) return skip(buf, pos, end)
  return isShortest(buf, pos, tag) ? behind(buf, pos, end, tag) : -1
}

function behind(buf: Uint8Array, pos: number, end: number, tag: number): number {
  if (tag === 0xdc) return canonicalItems(buf, pos + 3, end, (buf[pos + 1] << 8) | buf[pos + 2])
  if (tag === 0xdd) return -1
  return skip(buf, pos, end)
}

function canonicalItems(buf: Uint8Array, pos: number, end: number, count: number): number {
  let at = pos
  for (let i = 0; i < count; i++) {
    if (at >= end) return -1
    at = canonicalEnd(buf, at, end)
    if (at < 0) return -1
  }
  return at
}

/** Whether no shorter form could hold the value or its length. */
function isShortest(buf: Uint8Array, pos: number, tag: number): boolean {
  const first = buf[pos + 1]
  switch (tag) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
    case 0xc4:
    case 0xcb:
      return true
    case 0xcc:
      return first >= 0x80
    case 0xc5:
    case 0xcd:
    case 0xda:
      return first !== 0
    case 0xc6:
    case 0xce:
    case 0xdb:
      return first !== 0 || buf[pos + 2] !== 0
    case 0xcf:
      return (first | buf[pos + 2] | buf[pos + 3] | buf[pos + 4]) !== 0
    case 0xd0:
      return first >= 0x80 && first < 0xe0
    case 0xd1:
      return first >= 0x80 && (first !== 0xff || buf[pos + 2] < 0x80)
    case 0xd2:
      return first >= 0x80 && !(first === 0xff && buf[pos + 2] === 0xff && buf[pos + 3] >= 0x80)
    case 0xd3:
      return first >= 0x80 && !((first & buf[pos + 2] & buf[pos + 3] & buf[pos + 4]) === 0xff && buf[pos + 5] >= 0x80)
    case 0xd9:
      return first > 31
    case 0xdc:
      return first !== 0 || buf[pos + 2] > 15
    default:
      return false
  }
}
