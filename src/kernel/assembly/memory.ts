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
