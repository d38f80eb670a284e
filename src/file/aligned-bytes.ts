const WASM_PAGE_BYTES = 1 << 16

/**
 * Memory that reads and writes past the system's page cache can use: it starts at a page, as a WebAssembly memory does and
 * nothing else of Node.
 *
 * @param bytes a multiple of 64 KiB
 */
export function alignedBytes(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new WebAssembly.Memory({ initial: bytes / WASM_PAGE_BYTES }).buffer)
}
