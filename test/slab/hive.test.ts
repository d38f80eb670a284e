import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode, PackMap, utf8, type Value } from '../../src/bytes/msgpack.js'
import { Hive } from '../../src/slab/hive.js'

test('Hive reads rows by path and knows nodes that only have children', () => {
  const hive = hiveOf({ 'auth/users/1': 'root', 'auth/users/1/admin': true, 'cellinfo/defaultview': 'x' })
  assert.equal(hive.get(['auth', 'users', '1']), 'root')
  assert.equal(hive.get(['auth', 'users']), undefined)
  assert.ok(hive.has(['auth', 'users']) && !hive.has(['auth', 'roles']))
  assert.deepEqual(hive.children(['auth', 'users', '1']), ['admin'])
  assert.deepEqual(hive.children(['nothing']), [])
  assert.equal(hive.getText(['auth', 'users', '1', 'admin']), undefined)
})

test('Hive.changes() gives the rows that differ, and nothing when all is as it was', () => {
  const hive = hiveOf({ a: 1, 'a/b': 2, 'c/d': 3, 'c/d/e': 4 })
  hive.set(['a'], 1)
  assert.deepEqual(changesOf(hive), { puts: {}, deletes: [] })
  hive.set(['a', 'b'], new PackMap([['k', null]]))
  hive.set(['n', 'ü'], 5)
  assert.equal(hive.remove(['c', 'd']), 3)
  assert.equal(hive.remove(['no', 'such']), undefined)
  hive.setNull(['c'])
  hive.setNull(['a'])
  assert.deepEqual(changesOf(hive), {
    puts: { 'a/b': new PackMap([['k', null]]), 'n/ü': 5, c: null },
    deletes: ['c/d', 'c/d/e'],
  })
})

test('Hive.copyTree() gives nodes without a value an explicit null, as Synapse does', () => {
  const hive = hiveOf({ 'auth/users/1': 'root' })
  hive.copyTree(['auth'], ['auth01x'])
  hive.copyTree(['nothing'], ['else'])
  assert.deepEqual(changesOf(hive).puts, { auth01x: null, 'auth01x/users': null, 'auth01x/users/1': 'root' })
})

test('Hive leaves rows alone whose key is not text', () => {
  const hive = Hive.from([{ key: Buffer.from('ff00', 'hex'), value: encode(1) }])
  assert.equal(hive.unnamedCount, 1)
  assert.deepEqual(changesOf(hive), { puts: {}, deletes: [] })
})

function hiveOf(rows: Record<string, Value>): Hive {
  return Hive.from(
    Object.entries(rows).map(([path, value]) => ({ key: utf8(path.replaceAll('/', '\0')), value: encode(value) })),
  )
}

function changesOf(hive: Hive): { puts: Record<string, Value>; deletes: string[] } {
  const { puts, deletes } = hive.changes()
  const path = (key: Uint8Array) => Buffer.from(key).toString('utf8').replaceAll('\0', '/')
  return {
    puts: Object.fromEntries(puts.map(({ key, value }) => [path(key), decode(value)])),
    deletes: deletes.map(path).sort(),
  }
}

test('Hive names the value that is damaged, and reads all others', () => {
  const rows = [
    { key: Buffer.from('a\0b'), value: Uint8Array.of(0xa3, 0x61) },
    { key: Buffer.from('a\0c'), value: Uint8Array.of(0x07) },
  ]
  const hive = Hive.from(rows)
  assert.throws(() => hive.get(['a', 'b']), { code: 'ERR_SLAB_CORRUPT', message: /cell\.lmdb.*"a\/b" is not msgpack/ })
  assert.equal(hive.get(['a', 'c']), 7)
})
