import { isCanonical } from '../bytes/canonical.js'
import { sha256 } from '../bytes/hash.js'
import { decode, encode } from '../bytes/msgpack.js'
import { equalSpans } from '../bytes/spans.js'

/** A power of two. 0.1.x logs all node:adds of a transaction before its other edits, so an ndef soon comes again. */
const SLOTS = 256

/** Buids of recent ndefs. */
export class BuidCache {
  private readonly ndefs: (Uint8Array | undefined)[] = new Array(SLOTS)
  private readonly buids: Uint8Array[] = new Array(SLOTS)

  /** SHA-256 of the ndef `buf[0, length)`, which must be encoded as Synapse's own encoder does it. */
  get(buf: Uint8Array, length: number): Uint8Array {
    const slot = slotOf(buf, length)
    const known = this.ndefs[slot]
    if (known !== undefined && equalSpans(known, 0, known.length, buf, 0, length)) return this.buids[slot]
    // Always a copy: `slice()` of a Buffer is a view.
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
