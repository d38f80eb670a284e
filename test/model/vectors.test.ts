import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Model } from '../../src/model/model.js'
import { checkVector, type Vector } from '../support/vector-check.js'

// The clock of the vectors, which were made by Synapse 0.2.0rc18 (test/oracle/sample_vectors.py chose them).
const model = Model.core({ now: 1577836800000 })

for (const [file, what] of [
  ['norm', 'every type and every class of exception'],
  ['odd', 'damaged inputs'],
  ['index', 'every stortype'],
]) {
  test(`norm() and writeIndex() give what Synapse gives: ${what}`, () => {
    const lines = readFileSync(`test/fixtures/vectors/${file}.jsonl`, 'utf8').trimEnd().split('\n')
    assert.ok(lines.length > 250)
    for (const line of lines) assert.equal(checkVector(JSON.parse(line) as Vector, model), null, line)
  })
}

test('checkVector() sees a wrong norm, a wrong index and a missing exception', () => {
  const vector = {
    type: 'inet:ipv4',
    in: '1.2.3.4',
    out: 16909060,
    outx: 'ce01020304',
    indx: ['01020304'],
    stortype: 4,
  }
  assert.equal(checkVector(vector, model), null)
  assert.equal(checkVector({ ...vector, outx: 'ce01020305' }, model)?.what, 'norm')
  assert.equal(checkVector({ ...vector, indx: ['01020305'] }, model)?.what, 'indx')
  assert.equal(checkVector({ ...vector, stortype: 9 }, model)?.what, 'stortype')
  assert.equal(checkVector({ type: 'inet:ipv4', in: '1.2.3.4', err: 'BadTypeValu', stortype: 4 }, model)?.what, 'norm')
})

test('every type of the core model is in the vectors', () => {
  const lines = readFileSync('test/fixtures/vectors/norm.jsonl', 'utf8').trimEnd().split('\n')
  const seen = new Set(lines.map((line) => (JSON.parse(line) as Vector).type))
  const types = [
    ...model.forms.keys(),
    'int',
    'float',
    'range',
    'str',
    'hex',
    'bool',
    'time',
    'ival',
    'guid',
    'comp',
    'loc',
    'data',
  ]
  assert.deepEqual(
    types.filter((name) => !seen.has(name)),
    [],
  )
})
