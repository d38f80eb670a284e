// SHA-256 (FIPS 180-4). Most of what we hash is an ndef of less than 56 bytes: one block.

const BLOCK_BYTES: usize = 64
/** The end of the last block: the length in bits. */
const LENGTH_BYTES: usize = 8

// biome-ignore format: the table of the standard
const K = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
])
/** The words of a block and the 48 that follow from them. */
const words = memory.data(4 * 64, 4)
const state = memory.data(4 * 8, 4)
/** The last one or two blocks of a message, with their padding. */
const tail = memory.data(128, 8)

/** Writes the 32 bytes of the SHA-256 of `[from, from + bytes)` to `out`, which may be one of them. */
export function sha256(out: usize, from: usize, bytes: usize): void {
  store<u32>(state, 0x6a09e667, 0)
  store<u32>(state, 0xbb67ae85, 4)
  store<u32>(state, 0x3c6ef372, 8)
  store<u32>(state, 0xa54ff53a, 12)
  store<u32>(state, 0x510e527f, 16)
  store<u32>(state, 0x9b05688c, 20)
  store<u32>(state, 0x1f83d9ab, 24)
  store<u32>(state, 0x5be0cd19, 28)
  const rest = bytes & (BLOCK_BYTES - 1)
  const whole = from + bytes - rest
  for (let at = from; at < whole; at += BLOCK_BYTES) addBlock(at)
  const tailBytes = rest < BLOCK_BYTES - LENGTH_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES
  memory.copy(tail, whole, rest)
  store<u8>(tail + rest, 0x80)
  memory.fill(tail + rest + 1, 0, tailBytes - rest - 1 - LENGTH_BYTES)
  store<u64>(tail + tailBytes - LENGTH_BYTES, bswap<u64>((<u64>bytes) << 3))
  addBlock(tail)
  if (tailBytes > BLOCK_BYTES) addBlock(tail + BLOCK_BYTES)
  for (let i: usize = 0; i < 32; i += 4) store<u32>(out + i, bswap<u32>(load<u32>(state + i)))
}

function addBlock(block: usize): void {
  for (let at: usize = 0; at < BLOCK_BYTES; at += 4) store<u32>(words + at, bswap<u32>(load<u32>(block + at)))
  let a = load<u32>(state)
  let b = load<u32>(state, 4)
  let c = load<u32>(state, 8)
  let d = load<u32>(state, 12)
  let e = load<u32>(state, 16)
  let f = load<u32>(state, 20)
  let g = load<u32>(state, 24)
  let h = load<u32>(state, 28)
  // Eight rounds each time: each sets two of the variables in place of moving all eight.
  for (let i: usize = 0; i < 4 * 64; i += 32) {
    const w = words + i
    const k = K + i
    // Words of later rounds: the processor has time for them while a round waits for the one before.
    if (i < 4 * 48) {
      extend(w)
      extend(w + 4)
      extend(w + 8)
      extend(w + 12)
      extend(w + 16)
      extend(w + 20)
      extend(w + 24)
      extend(w + 28)
    }
    h += load<u32>(w) + load<u32>(k) + big1(e) + choose(e, f, g)
    d += h
    h += big0(a) + majority(a, b, c)
    g += load<u32>(w, 4) + load<u32>(k, 4) + big1(d) + choose(d, e, f)
    c += g
    g += big0(h) + majority(h, a, b)
    f += load<u32>(w, 8) + load<u32>(k, 8) + big1(c) + choose(c, d, e)
    b += f
    f += big0(g) + majority(g, h, a)
    e += load<u32>(w, 12) + load<u32>(k, 12) + big1(b) + choose(b, c, d)
    a += e
    e += big0(f) + majority(f, g, h)
    d += load<u32>(w, 16) + load<u32>(k, 16) + big1(a) + choose(a, b, c)
    h += d
    d += big0(e) + majority(e, f, g)
    c += load<u32>(w, 20) + load<u32>(k, 20) + big1(h) + choose(h, a, b)
    g += c
    c += big0(d) + majority(d, e, f)
    b += load<u32>(w, 24) + load<u32>(k, 24) + big1(g) + choose(g, h, a)
    f += b
    b += big0(c) + majority(c, d, e)
    a += load<u32>(w, 28) + load<u32>(k, 28) + big1(f) + choose(f, g, h)
    e += a
    a += big0(b) + majority(b, c, d)
  }
  store<u32>(state, load<u32>(state) + a)
  store<u32>(state, load<u32>(state, 4) + b, 4)
  store<u32>(state, load<u32>(state, 8) + c, 8)
  store<u32>(state, load<u32>(state, 12) + d, 12)
  store<u32>(state, load<u32>(state, 16) + e, 16)
  store<u32>(state, load<u32>(state, 20) + f, 20)
  store<u32>(state, load<u32>(state, 24) + g, 24)
  store<u32>(state, load<u32>(state, 28) + h, 28)
}

/** Computes the 16th word behind this one. */
function extend(w: usize): void {
  store<u32>(w, load<u32>(w) + small0(load<u32>(w, 4)) + load<u32>(w, 36) + small1(load<u32>(w, 56)), 64)
}

function choose(x: u32, y: u32, z: u32): u32 {
  return z ^ (x & (y ^ z))
}

function majority(x: u32, y: u32, z: u32): u32 {
  return (x & y) | (z & (x | y))
}

function big0(x: u32): u32 {
  return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22)
}

function big1(x: u32): u32 {
  return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25)
}

function small0(x: u32): u32 {
  return rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3)
}

function small1(x: u32): u32 {
  return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ (x >> 10)
}
