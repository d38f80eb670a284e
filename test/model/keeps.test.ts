import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Float, pyEquals, type Value } from '../../src/bytes/msgpack.js'
import { Model } from '../../src/model/model.js'
import type { Type } from '../../src/model/type.js'

const model = Model.core()
const host = 'host://0123456789abcdef0123456789abcdef'
const guid = '8f1401de15918358d5247e21ca29a814'

// Values that 0.1.58 stores and that 0.2.0rc18 would norm to others, or refuse.
const kept: [string, Value][] = [
  ['inet:server', `${host}:80`],
  ['inet:client', host],
  ['inet:banner', [`${host}:80`, 'hello']],
  ['inet:servfile', [host, `sha256:${'a'.repeat(64)}`]],
  [
    'edge:refs',
    [
      ['inet:server', host],
      ['inet:fqdn', 'vertex.link'],
    ],
  ],
  ['edge:wentto', [['ps:person', guid], ['inet:client', host], 1577836800000]],
  ['geo:nloc', [['inet:server', host], [new Float(1.5), new Float(-180)], 1577836800000]],
]

const refused: [string, Value][] = [
  ['inet:server', 'host://foo'],
  ['inet:server', `${host}:080`],
  ['inet:server', `${host}:70000`],
  ['inet:server', `${host.toUpperCase()}`],
  ['inet:banner', [host, 'hello', 1]],
  ['inet:fqdn', 'Vertex.link'],
  [
    'edge:refs',
    [
      ['inet:server', host],
      ['inet:fqdn', 'VERTEX.link'],
    ],
  ],
  ['geo:nloc', [['inet:server', host], [new Float(1.5), new Float(-181)], 1577836800000]],
  ['int', new Float(1.5)],
]

test('Type.keeps() keeps valid values that a norm never leaves alone', () => {
  for (const [name, value] of kept) {
    assert.equal(typeOf(name).keeps(value), true, name)
    assert.equal(normsToItself(typeOf(name), value), false, name)
  }
})

test('Type.keeps() refuses values that were never normed', () => {
  for (const [name, value] of refused) assert.equal(typeOf(name).keeps(value), false, name)
})

test('Type.keeps() takes distinct values in any order when the type does not sort them', () => {
  const uniq = model.typeOf(['array', { type: 'str', uniq: true }])
  assert.equal(uniq.keeps(['b', 'a']), true)
  assert.equal(uniq.keeps(['b', 'b']), false)
  const sorted = model.typeOf(['array', { type: 'str', uniq: true, sorted: true }])
  assert.equal(sorted.keeps(['b', 'a']), false)
})

function normsToItself(type: Type, value: Value): boolean {
  try {
    return pyEquals(type.norm(value).valu, value)
  } catch {
    return false
  }
}

function typeOf(name: string): Type {
  const type = model.type(name)
  assert.ok(type, name)
  return type
}
