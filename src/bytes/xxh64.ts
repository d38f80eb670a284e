import { createRequire } from 'node:module'

/** The hash function copies its input into memory that it never frees, so we feed it at most this much at a time. */
const MOST_BYTES = 1 << 20
/** The state of a hash over pieces, which lies before the piece that is added to it. */
const STATE_BYTES = 88
const PAGE_BYTES = 1 << 16

/** What the module of package `xxhash-wasm` exports. */
interface XxhashExports {
  readonly mem: WebAssembly.Memory
  xxh64(at: number, bytes: number, seed: bigint): bigint
  init64(state: number, seed: bigint): void
  update64(state: number, at: number, bytes: number): void
  digest64(state: number): bigint
}

// bin/copy-data.mjs puts it there.
const code = createRequire(import.meta.url)('./data/xxhash.json') as string
const module = new WebAssembly.Module(Buffer.from(code, 'base64'))
const calls = new WebAssembly.Instance(module).exports as unknown as XxhashExports
let memory = new Uint8Array(calls.mem.buffer)

/** XXH64; with seed 0 as Synapse appends it (big-endian) to a shortened index. */
export function xxh64(data: Uint8Array, seed = 0n): bigint {
  if (data.length > MOST_BYTES) {
    const hash = new Xxh64(seed)
    hash.update(data)
    return hash.digest()
  }
  hold(data, 0)
  return BigInt.asUintN(64, calls.xxh64(0, data.length, seed))
}

/** XXH64 of data that comes in pieces. You can ask for the digest at any time. */
export class Xxh64 {
  private readonly state: Uint8Array

  constructor(seed = 0n) {
    memory.fill(0, 0, STATE_BYTES)
    calls.init64(0, seed)
    this.state = memory.slice(0, STATE_BYTES)
  }

  update(data: Uint8Array): void {
    memory.set(this.state)
    for (let at = 0; at < data.length; at += MOST_BYTES) {
      const piece = data.length <= MOST_BYTES ? data : data.subarray(at, at + MOST_BYTES)
      hold(piece, STATE_BYTES)
      calls.update64(0, STATE_BYTES, piece.length)
    }
    this.state.set(memory.subarray(0, STATE_BYTES))
  }

  digest(): bigint {
    memory.set(this.state)
    return BigInt.asUintN(64, calls.digest64(0))
  }
}

/** Copies data to an address of the function's memory. */
function hold(data: Uint8Array, at: number): void {
  const lacking = at + data.length - memory.length
  if (lacking > 0) {
    calls.mem.grow(Math.ceil(lacking / PAGE_BYTES))
    memory = new Uint8Array(calls.mem.buffer)
  }
  memory.set(data, at)
}
