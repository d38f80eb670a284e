import { BUID_BYTES } from '../bytes/buid.js'
import { isCanonical } from '../bytes/canonical.js'
import { exactSpan, sha256Into } from '../bytes/hash.js'
import { decode, encode } from '../bytes/msgpack.js'
import { equalSpans } from '../bytes/spans.js'

/** A power of two. 0.1.x logs all node:adds of a transaction before its other edits, so an ndef soon comes again. */
const SLOTS = 256
/** Most ndefs fit, so that a slot needs a larger buffer once at most. */
const USUAL_BYTES = 128
const NONE = new Uint8Array(0)

/** Buids of recent ndefs. */
export class BuidCache {
  private readonly ndefs: Uint8Array[] = Array.from({ length: SLOTS }, () => NONE)
  /** How long each slot's ndef is; 0 for an empty slot. */
  private readonly lengths = new Int32Array(SLOTS)
  private readonly buids = Buffer.alloc(SLOTS * BUID_BYTES)

  /** Writes the SHA-256 of the ndef `buf[0, length)`, which must be encoded as Synapse's own encoder does it. */
  put(buf: Uint8Array, length: number, to: Uint8Array, at: number): void {
    const slot = slotOf(buf, length)
    if (!equalSpans(this.ndefs[slot], 0, this.lengths[slot], buf, 0, length)) this.fill(slot, buf, length)
    const { buids } = this
    for (let i = 0, from = slot * BUID_BYTES; i < BUID_BYTES; i++) to[at + i] = buids[from + i]
  }

  private fill(slot: number, buf: Uint8Array, length: number): void {
    // The slot is empty should the value turn out to be unreadable.
    this.lengths[slot] = 0
    const ndef = exactSpan(buf, 0, length)
    sha256Into(isCanonical(buf, 0, length) ? ndef : encode(decode(ndef)), this.buids, slot * BUID_BYTES)
    if (this.ndefs[slot].length < length) this.ndefs[slot] = Buffer.allocUnsafeSlow(Math.max(length, USUAL_BYTES))
    const kept = this.ndefs[slot]
    for (let i = 0; i < length; i++) kept[i] = buf[i]
    this.lengths[slot] = length
  }
}

/** FNV-1a. */
function slotOf(buf: Uint8Array, length: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ buf[i], 0x01000193)
  return (hash ^ (hash >>> 16)) & (SLOTS - 1)
}
