import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buid } from '../../src/bytes/hash.js'
import { decode, encode, type Value } from '../../src/bytes/msgpack.js'
import { Model } from '../../src/model/model.js'
import { buidOf, type OldRow, upgradedNdef, upgradedRows } from '../../src/upgrade/old-node.js'
import { REVISIONS } from '../../src/upgrade/revisions/index.js'
import { holdsNdefs, RENAMED, v0_1_0 } from '../../src/upgrade/revisions/v0_1_0.js'
import { v0_1_1 } from '../../src/upgrade/revisions/v0_1_1.js'
import { v0_1_3 } from '../../src/upgrade/revisions/v0_1_3.js'
import { HOLD_NDEFS } from '../../src/upgrade/today.js'

const model = Model.core()
const GUID = 'a'.repeat(32)

test('v0_1_0 renames nine forms, and each ndef in a value, however deep', () => {
  const renamed = (form: string, valu: Value) => v0_1_0.ndef(model, [form, valu])
  assert.deepEqual(renamed('source', GUID), ['meta:source', GUID])
  assert.deepEqual(renamed('graph:link', [['cluster', GUID], ['event', GUID]]), [
    'graph:edge',
    [['graph:cluster', GUID], ['graph:event', GUID]],
  ]) // biome-ignore format: values
  assert.deepEqual(renamed('refs', [['inet:fqdn', 'a.b'], ['refs', [['source', GUID], ['inet:fqdn', 'a.b']]]]), [
    'edge:refs',
    [['inet:fqdn', 'a.b'], ['edge:refs', [['meta:source', GUID], ['inet:fqdn', 'a.b']]]],
  ]) // biome-ignore format: values
  assert.deepEqual(renamed('wentto', [['ps:person', GUID], ['has', [['source', GUID], ['seen', [GUID, ['source', GUID]]]]], 5]), [
    'edge:wentto',
    [['ps:person', GUID], ['edge:has', [['meta:source', GUID], ['meta:seen', [GUID, ['meta:source', GUID]]]]], 5],
  ]) // biome-ignore format: values
  assert.deepEqual(renamed('inet:fqdn', 'source'), ['inet:fqdn', 'source'])
})

test('v0_1_0 changes props that hold ndefs and those that name their forms, and no others', () => {
  const prop = (form: string, name: string, valu: Value) => v0_1_0.prop(model, form, name, valu)
  assert.deepEqual(prop('edge:refs', 'n1', ['source', GUID]), ['n1', ['meta:source', GUID]])
  assert.deepEqual(prop('edge:refs', 'n1:form', 'source'), ['n1:form', 'meta:source'])
  assert.deepEqual(prop('edge:refs', 'n1:form', 'inet:fqdn'), ['n1:form', 'inet:fqdn'])
  assert.deepEqual(prop('meta:source', 'name', 'source'), ['name', 'source'])
  assert.deepEqual(prop('geo:nloc', 'ndef', ['source', GUID]), ['ndef', ['meta:source', GUID]])
})

test('HOLD_NDEFS lists the forms of the core model that kept their name and hold ndefs', () => {
  const renamed = new Set(RENAMED.values())
  const found = [...model.forms.values()].filter((form) => !renamed.has(form.name) && holdsNdefs(form))
  assert.deepEqual(found.map(({ name }) => name).sort(), [...HOLD_NDEFS].sort())
})

test('v0_1_1 norms the address of a contact and keeps one that cannot be normed', () => {
  assert.deepEqual(v0_1_1.prop(model, 'ps:contact', 'address', '  12 Main   Street '), ['address', '12 main street'])
  assert.deepEqual(v0_1_1.prop(model, 'ps:contact', 'address', null), ['address', null])
  assert.deepEqual(v0_1_1.prop(model, 'ps:contact', 'name', ' A '), ['name', ' A '])
})

test('v0_1_3 renames one property of one form', () => {
  assert.deepEqual(v0_1_3.prop(model, 'ou:org', 'disolved', 5), ['dissolved', 5])
  assert.deepEqual(v0_1_3.prop(model, 'ou:other', 'disolved', 5), ['disolved', 5])
})

test('upgradedRows() leaves the bytes of what does not change', () => {
  const rows: OldRow[] = [
    row('*inet:fqdn', 'a.b'),
    row('.created', 5),
    row('#source', [null, null]),
    { name: Buffer.of(0xff), value: Buffer.from('no msgpack') },
  ]
  const after = upgradedRows(model, REVISIONS, 'inet:fqdn', rows)
  for (const [i, same] of rows.entries()) assert.equal(after[i], same)
})

test('upgradedRows() makes of an edge the one whose hash is its buid', () => {
  const valu: Value = [
    ['source', GUID],
    ['inet:fqdn', 'a.b'],
  ]
  const rows = [row('*refs', valu), row('n1', ['source', GUID]), row('n1:form', 'source'), row('.created', 7)]
  const after = upgradedRows(model, REVISIONS, 'refs', rows)
  const names = after.map(({ name }) => Buffer.from(name).toString())
  assert.deepEqual(names, ['*edge:refs', 'n1', 'n1:form', '.created'])
  const valus = after.map(({ value }) => (decode(value) as Value[])[0])
  assert.deepEqual(valus, [
    [
      ['meta:source', GUID],
      ['inet:fqdn', 'a.b'],
    ],
    ['meta:source', GUID],
    'meta:source',
    7,
  ])
  const ndef = upgradedNdef(model, REVISIONS, ['refs', valu])
  assert.deepEqual(buidOf(ndef), buid(['edge:refs', valus[0]]))
})

function row(name: string, valu: Value): OldRow {
  return { name: Buffer.from(name), value: encode([valu, Buffer.from('index')]) }
}
