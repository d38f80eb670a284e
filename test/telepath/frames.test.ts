import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { MsgpackError } from '../../src/bytes/msgpack.js'
import { FrameSplitter } from '../../src/telepath/frames.js'

const vectors: { encode: { hex?: string; size: number }[] } = JSON.parse(
  readFileSync('test/fixtures/telepath/msgpack-vectors.json', 'utf8'),
)
const objects = vectors.encode.flatMap(({ hex }) => (hex ? [Buffer.from(hex, 'hex')] : []))

test('FrameSplitter cuts a stream of every kind of value, however it is chunked', () => {
  assert.ok(objects.length > 50)
  const stream = Buffer.concat(objects)
  for (const size of [1, 2, 3, 7, 64, 1000, stream.length]) {
    const splitter = new FrameSplitter(1 << 24)
    const found: string[] = []
    for (let at = 0; at < stream.length; at += size) {
      const chunk = Uint8Array.from(stream.subarray(at, at + size))
      for (const frame of splitter.push(chunk)) found.push(Buffer.from(frame).toString('hex'))
    }
    assert.deepEqual(
      found,
      objects.map((each) => each.toString('hex')),
      `chunks of ${size}`,
    )
    assert.equal(splitter.pendingBytes, 0)
  }
})

test('FrameSplitter leaves frames alone that it handed out', () => {
  const splitter = new FrameSplitter(1000)
  const bytes = Buffer.concat(
    Array.from({ length: 200 }, (_, i) => Buffer.from([0x92, 0xa3, 0x61, 0x62, 0x63, i & 0x7f])),
  )
  const frames: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += 5)
    frames.push(...splitter.push(Uint8Array.from(bytes.subarray(at, at + 5))))
  assert.deepEqual(
    frames.map((frame) => frame[5]),
    Array.from({ length: 200 }, (_, i) => i & 0x7f),
  )
})

test('FrameSplitter refuses objects beyond its limit as soon as they say so', () => {
  const cases = [
    'c600010000', // bin of 65,536 bytes
    'dd00010000', // array of as many elements
    'df00008000', // map of half as many pairs
    '91dbffffffff', // text of 4 GiB within an array
    'c9ffffffff01',
  ]
  for (const hex of cases) {
    assert.throws(() => new FrameSplitter(0xffff).push(Buffer.from(hex, 'hex')), MsgpackError, hex)
  }
  const exact = Buffer.concat([Buffer.from('c50ffd', 'hex'), Buffer.alloc(0xffd)])
  assert.equal(new FrameSplitter(0x1000).push(exact).length, 1)
  assert.throws(() => new FrameSplitter(0xfff).push(exact), MsgpackError)
})

test('FrameSplitter keeps no more than what arrived of a long object', () => {
  const splitter = new FrameSplitter(2 ** 32 - 1)
  splitter.push(Buffer.from('c6ffffff00', 'hex'))
  for (let i = 0; i < 100; i++) splitter.push(new Uint8Array(10))
  assert.equal(splitter.pendingBytes, 1005)
})

test('FrameSplitter refuses the byte that starts no value, wherever it comes', () => {
  for (const hex of ['c1', '92c1', '81a161c1']) {
    assert.throws(() => new FrameSplitter(1000).push(Buffer.from(hex, 'hex')), MsgpackError, hex)
  }
})
