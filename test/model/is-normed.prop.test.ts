import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode, Float, pyEquals, type Value } from '../../src/bytes/msgpack.js'
import { Model } from '../../src/model/model.js'
import type { Vector } from '../support/vector-check.js'

const model = Model.core()

/** Norms of the vectors: what is normed, to start from. */
const norms = readFileSync('test/fixtures/vectors/norm.jsonl', 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector)
  .filter((vector) => typeof vector.outx === 'string' && vector.opts === undefined)
  .map((vector) => ({ type: vector.type as string, value: decode(Buffer.from(vector.outx as string, 'hex')) }))

test('isNormed() is right about the norms of every type and about what is made of them', () => {
  const change = fc.record({
    at: fc.nat(80),
    text: fc.oneof(fc.string({ unit: 'binary', maxLength: 2 }), fc.constantFrom(...'A.:/@?#- 0é')),
  })
  fc.assert(
    fc.property(fc.constantFrom(...norms), fc.option(change), ({ type, value }, edit) => {
      const input = edit === null ? value : edited(value, edit.at, edit.text)
      const found = model.type(type)
      assert.ok(found)
      if (found.isNormed(input)) assert.ok(pyEquals(found.norm(input).valu, input))
    }),
    { numRuns: 1000 },
  )
})

test('isNormed() knows the usual values at once', () => {
  const usual: [string, Value][] = [
    ['inet:fqdn', 'www.vertex.link'],
    ['inet:ipv4', 16909060],
    ['inet:url', 'https://www.vertex.link/path?query=1'],
    ['inet:email', 'visi@vertex.link'],
    ['inet:dns:a', ['vertex.link', 16909060]],
    ['ou:org', '8f1401de15918358d5247e21ca29a814'],
    ['file:bytes', `sha256:${'0'.repeat(64)}`],
    ['hash:md5', '8f1401de15918358d5247e21ca29a814'],
    ['ps:name', 'robert'],
    ['syn:tag', 'foo.bar'],
    ['time', 1577836800000],
    ['ival', [1577836800000, 1577836800001]],
    ['geo:latlong', [new Float(1.5), new Float(-20)]],
    [
      'edge:refs',
      [
        ['inet:fqdn', 'vertex.link'],
        ['inet:ipv4', 5],
      ],
    ],
  ]
  for (const [name, value] of usual) assert.equal(model.type(name)?.isNormed(value), true, name)
})

function edited(value: Value, at: number, text: string): Value {
  if (typeof value === 'string') return value.slice(0, at) + text + value.slice(at)
  if (Array.isArray(value)) return value.map((item, i) => (i === at % value.length ? edited(item, at, text) : item))
  return typeof value === 'number' ? value + at - 40 : value
}
