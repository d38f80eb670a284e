import { sha256 } from '../bytes/hash.js'
import { decode, encode } from '../bytes/msgpack.js'
import { equalSpans } from './edit-buffer.js'

/** A power of two: of all edits of one transaction 0.1.x logs the node:adds first, so ndefs come again soon. */
const SLOTS = 256

/** Buids of the ndefs that were asked for last. */
export class BuidCache {
  readonly #ndefs: (Uint8Array | undefined)[] = new Array(SLOTS)
  readonly #buids: Uint8Array[] = new Array(SLOTS)

  /** SHA-256 over the ndef `buf[0, length)` as Synapse's own encoder writes it. */
  get(buf: Uint8Array, length: number): Uint8Array {
    const slot = slotOf(buf, length)
    const known = this.#ndefs[slot]
    if (known !== undefined && equalSpans(known, 0, known.length, buf, 0, length)) return this.#buids[slot]
    // A copy in any case: a Buffer's own slice() is a view.
    const ndef = new Uint8Array(length)
    ndef.set(buf.subarray(0, length))
    const buid = sha256(canonicalEnd(ndef, 0, length) === length ? ndef : encode(decode(ndef)))
    this.#ndefs[slot] = ndef
    this.#buids[slot] = buid
    return buid
  }
}

/** FNV-1a. */
function slotOf(buf: Uint8Array, length: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ buf[i], 0x01000193)
  return (hash ^ (hash >>> 16)) & (SLOTS - 1)
}

/**
 * End of the valid msgpack value at `pos` when our encoder would write the same bytes for it; -1 when it would not, or when
 * that is not known (maps, extensions).
 */
export function canonicalEnd(buf: Uint8Array, pos: number, end: number): number {
  const tag = buf[pos]
  if (tag <= 0x7f || tag >= 0xe0 || tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return pos + 1
  if (tag >= 0x90 && tag <= 0x9f) return itemsEnd(buf, pos + 1, end, tag & 0x0f)
  if (tag >= 0xa0 && tag <= 0xbf) return pos + 1 + (tag & 0x1f)
  switch (tag) {
    case 0xc4:
      return pos + 2 + buf[pos + 1]
    case 0xd9:
      return buf[pos + 1] > 31 ? pos + 2 + buf[pos + 1] : -1
    case 0xc5:
    case 0xda:
      return uint(buf, pos + 1, 2) > 0xff ? pos + 3 + uint(buf, pos + 1, 2) : -1
    case 0xc6:
    case 0xdb:
      return uint(buf, pos + 1, 4) > 0xffff ? pos + 5 + uint(buf, pos + 1, 4) : -1
    case 0xcb:
      return pos + 9
    case 0xcc:
      return buf[pos + 1] > 0x7f ? pos + 2 : -1
    case 0xcd:
      return uint(buf, pos + 1, 2) > 0xff ? pos + 3 : -1
    case 0xce:
      return uint(buf, pos + 1, 4) > 0xffff ? pos + 5 : -1
    case 0xcf:
      return uint(buf, pos + 1, 4) > 0 ? pos + 9 : -1
    case 0xd0:
      return buf[pos + 1] >= 0x80 && buf[pos + 1] < 0xe0 ? pos + 2 : -1
    case 0xd1:
      return isBelow(uint(buf, pos + 1, 2), 0x8000, 0xff80) ? pos + 3 : -1
    case 0xd2:
      return isBelow(uint(buf, pos + 1, 4), 0x80000000, 0xffff8000) ? pos + 5 : -1
    case 0xd3: {
      const high = uint(buf, pos + 1, 4)
      return high >= 0x80000000 && (high < 0xffffffff || uint(buf, pos + 5, 4) < 0x80000000) ? pos + 9 : -1
    }
    case 0xdc:
      return uint(buf, pos + 1, 2) > 15 ? itemsEnd(buf, pos + 3, end, uint(buf, pos + 1, 2)) : -1
    default:
      return -1
  }
}

function itemsEnd(buf: Uint8Array, pos: number, end: number, count: number): number {
  let at = pos
  for (let i = 0; i < count && at >= 0; i++) at = canonicalEnd(buf, at, end)
  return at
}

/** Whether a negative int, seen as unsigned, lies below what the next shorter form can hold. */
function isBelow(value: number, lowest: number, shorter: number): boolean {
  return value >= lowest && value < shorter
}

function uint(buf: Uint8Array, pos: number, bytes: number): number {
  let value = 0
  for (let i = 0; i < bytes; i++) value = value * 256 + buf[pos + i]
  return value
}
