// Memory that nobody collects: whoever allocates it releases it. It may move the whole of the kernel's memory, so
// JavaScript looks at its views again after each call.

/** Returns the address of `bytes` bytes, aligned to 16. Their content is what was there before. */
export function allocate(bytes: usize): usize {
  return heap.alloc(bytes)
}

export function release(at: usize): void {
  heap.free(at)
}

/** Moves `bytes` bytes to where there is twice as much room. Returns the address. */
export function grown(at: usize, bytes: u32): usize {
  const larger = heap.alloc(2 * bytes)
  memory.copy(larger, at, bytes)
  heap.free(at)
  return larger
}

/** Where the content of a block of `linked()` begins. */
export const LINK_BYTES: usize = 8

/** Puts a block with room for `bytes` bytes, and eight to read behind them, before a list. Returns the new first one. */
export function linked(first: usize, bytes: u32): usize {
  const block = heap.alloc(LINK_BYTES + bytes + 8)
  store<usize>(block, first)
  return block
}

/** Frees a list of which each item begins with the address of the next one. */
export function freeAll(first: usize): void {
  while (first != 0) {
    const next = load<usize>(first)
    heap.free(first)
    first = next
  }
}
