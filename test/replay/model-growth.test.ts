import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PackMap, type Value } from '../../src/bytes/msgpack.js'
import { Model, type ModelData } from '../../src/model/model.js'
import { type ModelFile, parseModelFile } from '../../src/model/model-file.js'
import { assertModelGrew } from '../../src/replay/model-growth.js'
import { modelKey } from '../../src/stream/worker-state.js'

const NO_OPTS = new PackMap([])
const thing = file({
  types: { 'acme:thing': { ctor: 'synapse.lib.types.Str', subof: 'str', opts: {} } },
  forms: { 'acme:thing': { props: { size: { typedef: ['int', {}] } } } },
})
const other = file({ forms: { 'inet:fqdn': { props: { level: { typedef: ['int', {}] } } } } })
const onThing: Value = ['acme:thing', '_rating', ['int', NO_OPTS], NO_OPTS]
const onFqdn: Value = ['inet:fqdn', '_score', ['int', NO_OPTS], NO_OPTS]
const kin: Value = ['kin', ['acme:thing', NO_OPTS], NO_OPTS]

test('assertModelGrew() takes a model that was missing, with the extensions that were impossible without it', () => {
  const extended = { props: [onFqdn, onThing], univs: [kin], tagProps: [kin] }
  assertModelGrew('ab', modelKey(model([], extended)), model([thing], extended))
  assertModelGrew('ab', modelKey(model([other], extended)), model([thing, other], extended))
  assertModelGrew('ab', modelKey(model([thing], extended)), model([thing], extended))
})

test('assertModelGrew() takes a file that defines what the Cortex extends itself, whose own definition holds', () => {
  const file_ = file({ forms: { 'inet:fqdn': { props: { _score: { typedef: ['str', {}] } } } } })
  const extended = { props: [onFqdn], univs: [], tagProps: [] }
  const grown = model([file_], extended)
  assertModelGrew('ab', modelKey(model([], extended)), grown)
  assert.equal(Model.fromJSON(grown).forms.get('inet:fqdn')?.props.get('_score')?.type.name, 'int')
})

test('assertModelGrew() refuses a model that lacks or changes a definition that a layer was migrated with, and names it', () => {
  const none = { props: [], univs: [], tagProps: [] }
  const refused = (before: ModelData, now: ModelData, message: RegExp) =>
    assert.throws(() => assertModelGrew('ab', modelKey(before), now), { code: 'ERR_CHECKPOINT_MISMATCH', message })
  refused(model([thing], none), model([], none), /it was migrated with a definition of type acme:thing$/)
  refused(model([thing], none), model([other], none), /a definition of type acme:thing$/)
  const score = file({ tagprops: { score: { typedef: ['str', {}] } } })
  const scored = { ...none, tagProps: [['score', ['int', NO_OPTS], NO_OPTS] as Value] }
  refused(model([], scored), model([score], scored), /it was migrated with another definition of tag prop score$/)
  refused(model([], { ...none, props: [onFqdn] }), model([], none), /a definition of prop inet:fqdn:_score$/)
})

function file(content: object): ModelFile {
  return parseModelFile(JSON.stringify(content), 'model.json')
}

function model(files: readonly ModelFile[], extended: Parameters<Model['addExtendedModel']>[0]): ModelData {
  const made = Model.core()
  for (const each of files) made.addModelFile(each)
  made.addExtendedModel(extended)
  return made.toJSON()
}
