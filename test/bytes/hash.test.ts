import assert from 'node:assert/strict'
import { test } from 'node:test'
import xxhash from 'xxhash-wasm'
import { xxh64 } from '../../src/bytes/xxh64.js'

test('xxh64() of what it takes in pieces is that of the whole', async () => {
  const { h64Raw } = await xxhash()
  for (const size of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 5]) {
    const data = new Uint8Array(size)
    for (let i = 0; i < size; i++) data[i] = (i * 31 + (i >> 8)) & 0xff
    assert.equal(xxh64(data), h64Raw(data), `${size} bytes`)
  }
})
