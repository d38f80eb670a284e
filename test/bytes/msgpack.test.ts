import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buid, guid } from '../../src/bytes/hash.js'
import { decode, encode, Float, MsgpackError, PackMap, pyEquals, RawStr, skip } from '../../src/bytes/msgpack.js'
import { xxh64 } from '../../src/bytes/xxh64.js'

/** Bytes that msgpack-python made: what is decoded must encode to the same ones. */
const canonical = [
  'c0', 'c2', 'c3', '00', '7f', 'cc80', 'ccff', 'cd0100', 'cdffff', 'ce00010000', 'ceffffffff', 'cf0000000100000000',
  'cf7fffffffffffffff', 'cfffffffffffffffff', 'ff', 'e0', 'd0df', 'd080', 'd1ff7f', 'd18000', 'd2ffff7fff', 'd280000000',
  'd3ffffffff7fffffff', 'd38000000000000000', 'cb3ff0000000000000', 'cb8000000000000000', 'cb7ff8000000000000',
  'a0', 'a3666f6f', 'a3eda0bd', 'a6eda0beedb68a', 'a4f09fa68a', 'a8eda0bd61eda0bd62', 'c400', 'c403000102',
  '92a17a9101', '8101a161', '82a132a178a131a179', '81a95f5f70726f746f5f5f01', '8192a161a162c0', 'd6ff00000000',
] // biome-ignore format: a table

test('encode(decode(bytes)) gives the bytes of msgpack-python again', () => {
  for (const hex of canonical) {
    const bytes = Buffer.from(hex, 'hex')
    assert.equal(Buffer.from(encode(decode(bytes))).toString('hex'), hex)
    assert.equal(skip(bytes, 0), bytes.length, hex)
  }
})

test('decode() keeps apart what JavaScript confuses', () => {
  assert.ok(decode(Buffer.from('cb3ff0000000000000', 'hex')) instanceof Float)
  assert.equal(decode(Buffer.from('cf0020000000000000', 'hex')), 2n ** 53n)
  assert.ok(decode(Buffer.from('a6eda0beedb68a', 'hex')) instanceof RawStr)
  assert.equal(decode(Buffer.from('a4f09fa68a', 'hex')), '\u{1f98a}')
  assert.deepEqual(decode(Buffer.from('8301a16102a16201a163', 'hex')), new PackMap([[1, 'c'], [2, 'b']]))
}) // biome-ignore format: a table

test('decode() and skip() refuse what is cut short, malformed or followed by more', () => {
  for (const hex of [
    '',
    'c1',
    'cd01',
    '92a161',
    'a3ff6f6f',
    'a2c080',
    'a4f4908080',
    'a3e08080',
    'dfffffffff',
    'c6ffffffff00',
  ]) {
    const bytes = Buffer.from(hex, 'hex')
    assert.throws(() => decode(bytes), MsgpackError, hex)
    assert.throws(() => skip(bytes, 0), MsgpackError, hex)
  }
  assert.throws(() => decode(Buffer.from('c0c0', 'hex')), MsgpackError)
  assert.throws(() => decode(Buffer.alloc(600, 0x91)), MsgpackError)
  assert.throws(() => encode(2n ** 64n), MsgpackError)
  assert.throws(() => encode(1.5), MsgpackError)
})

test('pyEquals() compares as Python does', () => {
  assert.ok(pyEquals(1, true))
  assert.ok(pyEquals(1, new Float(1)))
  assert.ok(pyEquals(2n ** 60n, new Float(2 ** 60)))
  assert.ok(!pyEquals(2n ** 60n + 1n, new Float(2 ** 60)))
  assert.ok(pyEquals([1, ['a']], [true, ['a']]))
  assert.ok(!pyEquals(new Float(Number.NaN), new Float(Number.NaN)))
  assert.ok(!pyEquals('a', Buffer.from('a')))
})

test('buid(), guid() and xxh64() match Synapse', () => {
  assert.equal(
    Buffer.from(buid(['inet:ipv4', 16909060])).toString('hex'),
    '20153b758f9d5eaaa38e4f4a65c36da797c3e59e549620fa7c4895e1a920991f',
  )
  assert.equal(
    Buffer.from(buid('foo')).toString('hex'),
    '107d1a9268ae7406bf42413cf568c916ccbdc801cda27d6b2edba4b831f63c96',
  )
  assert.equal(guid('foo').length, 32)
  assert.equal(xxh64(Buffer.alloc(257, 'x')).toString(16), '7d5cc3c6243bcdc1')
})

test('encode() and decode() return bytes of their own', () => {
  const first = encode('first')
  encode('other')
  assert.equal(Buffer.from(first).toString('hex'), 'a56669727374')
  const buf = Buffer.from('c4020102', 'hex')
  const value = decode(buf) as Uint8Array
  buf.fill(0)
  assert.deepEqual([...value], [1, 2])
})
