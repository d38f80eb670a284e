import { isCanonical } from '../bytes/canonical.js'
import { sha256 } from '../bytes/hash.js'
import { decode, encode } from '../bytes/msgpack.js'
import { equalSpans } from '../bytes/spans.js'

/** A power of two: of all edits of one transaction 0.1.x logs the node:adds first, so ndefs come again soon. */
const SLOTS = 256

/** Buids of the ndefs that were asked for last. */
export class BuidCache {
  private readonly ndefs: (Uint8Array | undefined)[] = new Array(SLOTS)
  private readonly buids: Uint8Array[] = new Array(SLOTS)

  /** SHA-256 over the ndef `buf[0, length)` as Synapse's own encoder writes it. */
  get(buf: Uint8Array, length: number): Uint8Array {
    const slot = slotOf(buf, length)
    const known = this.ndefs[slot]
    if (known !== undefined && equalSpans(known, 0, known.length, buf, 0, length)) return this.buids[slot]
    // A copy in any case: a Buffer's own slice() is a view.
    const ndef = new Uint8Array(length)
    ndef.set(buf.subarray(0, length))
    const buid = sha256(isCanonical(ndef, 0, length) ? ndef : encode(decode(ndef)))
    this.ndefs[slot] = ndef
    this.buids[slot] = buid
    return buid
  }
}

/** FNV-1a. */
function slotOf(buf: Uint8Array, length: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ buf[i], 0x01000193)
  return (hash ^ (hash >>> 16)) & (SLOTS - 1)
}
