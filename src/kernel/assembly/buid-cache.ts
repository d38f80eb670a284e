import { sha256 } from './sha256'
import { copy, hashOf, same } from './spans'

/** A power of two. 0.1.x logs all node:adds of a transaction before its other edits, so an ndef soon comes again. */
const SLOTS: usize = 256
/** Longer ndefs are hashed each time. */
const MOST_BYTES: usize = 120
/** A slot: the buid, the length of the ndef (0 for an empty slot), the ndef. */
const NDEF_AT: usize = 40
const SLOT_BYTES: usize = NDEF_AT + MOST_BYTES

/** Buids of recent ndefs; 0 before the first. */
let slots: usize = 0

/** Writes the SHA-256 of an ndef, which must be encoded as Synapse's own encoder does it. */
export function putBuid(to: usize, ndef: usize, bytes: usize): void {
  if (bytes > MOST_BYTES) {
    sha256(to, ndef, bytes)
    return
  }
  if (slots == 0) {
    slots = heap.alloc(SLOTS * SLOT_BYTES)
    memory.fill(slots, 0, SLOTS * SLOT_BYTES)
  }
  const slot = slots + (<usize>(hashOf(ndef, bytes) >> 40) & (SLOTS - 1)) * SLOT_BYTES
  if (load<u32>(slot, 32) != <u32>bytes || !same(slot + NDEF_AT, ndef, bytes)) {
    sha256(slot, ndef, bytes)
    store<u32>(slot, bytes, 32)
    copy(slot + NDEF_AT, ndef, bytes)
  }
  copy(to, slot, 32)
}
