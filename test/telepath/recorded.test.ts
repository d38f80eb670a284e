import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { buid } from '../../src/bytes/hash.js'
import { decode, encode, MsgpackError } from '../../src/bytes/msgpack.js'
import { loadRecording } from '../support/recorded.js'

interface Vectors {
  readonly encode: readonly { readonly name: string; readonly hex: string | null }[]
  readonly decode: readonly { readonly hex: string; readonly reencoded?: string }[]
  readonly buid: readonly { readonly msgpack: string; readonly buid: string }[]
}

const vectors: Vectors = JSON.parse(readFileSync('test/fixtures/telepath/msgpack-vectors.json', 'utf8'))

/** What Synapse makes of these bytes when it reads and writes them again. */
function again(hex: string): string {
  return Buffer.from(encode(decode(Buffer.from(hex, 'hex')))).toString('hex')
}

test('encode(decode(bytes)) gives every recorded message again', () => {
  const files = readdirSync('test/fixtures/telepath').filter((file) => /^(\d|e2e)/.test(file))
  let messages = 0
  for (const file of files) {
    for (const { hex } of loadRecording(file).events) {
      if (!hex) continue
      assert.equal(again(hex), hex, file)
      messages++
    }
  }
  assert.ok(messages >= 485, `${messages}`)
})

test('encode(decode(bytes)) gives what Synapse makes of them', () => {
  for (const { name, hex } of vectors.encode) if (hex !== null) assert.equal(again(hex), hex, name)
  for (const { hex, reencoded } of vectors.decode) {
    if (reencoded === undefined) assert.throws(() => again(hex), MsgpackError, hex)
    else assert.equal(again(hex), reencoded, hex)
  }
})

test('buid() is that of Synapse for ndefs of all kinds of values', () => {
  for (const vector of vectors.buid) {
    const ndef = decode(Buffer.from(vector.msgpack, 'hex'))
    assert.equal(Buffer.from(buid(ndef)).toString('hex'), vector.buid)
  }
})
