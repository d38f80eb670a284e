/** A buid is the SHA-256 of the msgpack of `(form, value)`: the key of a node in every slab. */
export const BUID_BYTES = 32

/** The smallest key above all that start with `buid`, or null when there is none. */
export function buidAfter(buid: Uint8Array): Uint8Array | null {
  const after = Uint8Array.from(buid)
  for (let i = after.length - 1; i >= 0; i--) {
    after[i]++
    if (after[i] !== 0) return after
  }
  return null
}
