import { MsgpackError, skip } from '../bytes/msgpack.js'

/** Whether the msgpack value at `pos` is a text. */
export function isText(buf: Uint8Array, pos: number): boolean {
  const tag = buf[pos]
  return (tag >= 0xa0 && tag <= 0xbf) || tag === 0xd9 || tag === 0xda || tag === 0xdb
}

/** Where the content of the text, array or map at `pos` starts. */
export function bodyOf(buf: Uint8Array, pos: number): number {
  switch (buf[pos]) {
    case 0xd9:
      return pos + 2
    case 0xda:
    case 0xdc:
    case 0xde:
      return pos + 3
    case 0xdb:
    case 0xdd:
    case 0xdf:
      return pos + 5
    default:
      return pos + 1
  }
}

/** Number of items of the array at `pos`; -1 when it is not an array. */
export function arrayHead(buf: Uint8Array, pos: number, end: number): number {
  return head(buf, pos, end, 0x90, 0xdc)
}

/** Like arrayHead(), for a map. */
export function mapHead(buf: Uint8Array, pos: number, end: number): number {
  return head(buf, pos, end, 0x80, 0xde)
}

function head(buf: Uint8Array, pos: number, end: number, fix: number, tag16: number): number {
  if (pos >= end) throw new MsgpackError('the value is cut short')
  const tag = buf[pos]
  if ((tag & 0xf0) === fix) return tag & 0x0f
  if (tag !== tag16 && tag !== tag16 + 1) return -1
  const length = tag === tag16 ? 2 : 4
  if (pos + 1 + length > end) throw new MsgpackError('the value is cut short')
  let count = 0
  for (let i = 1; i <= length; i++) count = count * 256 + buf[pos + i]
  return count
}

/** Like `skip()`, but returns -1 when the value is cut short or not msgpack. */
export function skipOr(buf: Uint8Array, pos: number, end: number): number {
  try {
    return skip(buf, pos, end)
  } catch (error) {
    if (error instanceof MsgpackError) return -1
    throw error
  }
}
