import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { kernel } from '../../src/kernel/kernel.js'

/** The SHA-256 of the kernel, in hex. */
function sha256(bytes: Uint8Array): string {
  const { calls } = kernel()
  const at = calls.allocate(bytes.length + 32)
  kernel().mem.set(bytes, at + 32)
  calls.sha256(at, at + 32, bytes.length)
  const hash = Buffer.from(kernel().mem.subarray(at, at + 32)).toString('hex')
  calls.release(at)
  return hash
}

test("sha256() of the kernel gives the standard's digests", () => {
  const digests: [text: string, hex: string][] = [
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
    ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
  ]
  for (const [text, hex] of digests) assert.equal(sha256(Buffer.from(text)), hex)
})

test("sha256() of the kernel gives OpenSSL's digests at every length up to four blocks", () => {
  const bytes = Uint8Array.from({ length: 4 * 64 + 1 }, (_, i) => (i * 151 + 7) & 0xff)
  for (let length = 0; length <= bytes.length; length++) {
    const data = bytes.subarray(0, length)
    assert.equal(sha256(data), createHash('sha256').update(data).digest('hex'), `${length} bytes`)
  }
})
