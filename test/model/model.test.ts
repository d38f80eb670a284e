import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PackMap, type Value } from '../../src/bytes/msgpack.js'
import { Model } from '../../src/model/model.js'
import { modelFileJson, parseModelFile } from '../../src/model/model-file.js'
import { StorType } from '../../src/stortype/registry.js'

const none = new PackMap([])

test('Model.core() has the forms and universal properties of 0.2.0rc18', () => {
  const model = Model.core()
  assert.equal(model.forms.size, 226)
  assert.deepEqual([...model.univs.keys()].sort(), ['.created', '.seen'])
  assert.equal(model.tagProps.size, 0)
  const counts = new Map<number, number>()
  for (const { stortype } of model.forms.values()) counts.set(stortype, (counts.get(stortype) ?? 0) + 1)
  assert.deepEqual(Object.fromEntries(counts), { 13: 89, 10: 73, 1: 51, 9: 8, 5: 2, 4: 1, 17: 1, 18: 1 })
})

test('Form.props holds the own and the universal properties with their stortypes', () => {
  const form = Model.core().forms.get('inet:dns:a')
  const stortypes = [...(form?.props.values() ?? [])].map(({ full, stortype }) => [full, stortype])
  assert.deepEqual(Object.fromEntries(stortypes), {
    'inet:dns:a.seen': StorType.ival,
    'inet:dns:a.created': StorType.time,
    'inet:dns:a:fqdn': StorType.fqdn,
    'inet:dns:a:ipv4': StorType.u32,
  })
})

test('Type.subof names the direct parent', () => {
  const model = Model.core()
  assert.deepEqual(
    ['inet:addr', 'inet:server', 'inet:client', 'inet:url'].map((name) => model.type(name)?.subof),
    [null, 'inet:addr', 'inet:addr', null],
  )
})

test('addExtendedModel() adds what it can and warns of the rest as the reference does', () => {
  const model = Model.core()
  const small = new PackMap([
    ['size', 1],
    ['signed', false],
  ])
  const warnings = model.addExtendedModel({
    props: [
      ['inet:fqdn', '_y', ['nope', none], none],
      ['nope', '_x', ['str', none], none],
      ['inet:fqdn', '_small', ['int', small], none],
    ],
    univs: [
      ['_z', ['nope', none], none],
      ['_q', ['str', none], none],
    ],
    tagProps: [
      ['arr', ['array', new PackMap([['type', 'int']])], none],
      ['risk', ['int', small], none],
      ['risk', ['int', small], none],
    ],
  })
  assert.deepEqual(warnings, [
    "ext prop (inet:fqdn:_y) error: NoSuchType: name='nope'",
    "ext prop (nope:_x) error: NoSuchForm: name='nope'",
    "ext univ (_z) error: NoSuchType: name='nope'",
    "ext tag prop (arr) error: BadPropDef: mesg='Tag props may not be array types (yet).'",
    "ext tag prop (risk) error: DupTagPropName: mesg='risk'",
  ])
  assert.equal(model.forms.get('inet:fqdn')?.props.get('_small')?.stortype, StorType.u8)
  assert.equal(model.forms.get('inet:ipv4')?.props.get('._q')?.stortype, StorType.utf8)
  assert.equal(model.tagProps.get('risk')?.stortype, StorType.u8)
  assert.equal(model.tagProps.get('risk')?.baseStortype, StorType.i64)
})

test('addExtendedModel() warns of rows that are no definitions', () => {
  const rows: Value[] = [
    null,
    [],
    ['inet:fqdn', '_a', 'str', none],
    ['inet:fqdn', '_b', ['int', new PackMap([['size', 3]])], none],
  ]
  const warnings = Model.core().addExtendedModel({ props: rows, univs: [], tagProps: [] })
  assert.equal(warnings.length, 4)
  assert.match(warnings[3], /BadTypeDef: mesg='Invalid integer size \(3\)'/)
})

const customModel = `
types:
  gold:level:
    ctor: synapse.lib.types.Int
    subof: int
    opts: {min: 0, max: 5, enums: [[0, none], [5, high]]}
  gold:pair: {ctor: synapse.lib.types.Comp, subof: comp, opts: {fields: [[level, gold:level], [name, [str, {lower: true}]]]}}
  gold:own: {ctor: some.module.Own, ctors: [some.module.Own, synapse.lib.types.Str], subof: null, opts: {}, stortype: 1}
forms:
  gold:pair:
    props:
      when: {typedef: [time, {ismin: true}]}
      .seen: {typedef: [ival, {}], univ: true}
  gold:own: {}
`

test('addModelFile() adds types and forms, whose options come with their parents', () => {
  const model = Model.core()
  model.addModelFile(parseModelFile(customModel, 'custom.yaml'))
  const pair = model.forms.get('gold:pair')
  assert.equal(pair?.stortype, StorType.msgp)
  assert.deepEqual(pair?.type.norm(['HIGH', 'Foo']).valu, [5, 'foo'])
  assert.throws(() => pair?.type.norm([3, 'foo']), { errName: 'BadTypeValu' })
  assert.equal(pair?.props.get('when')?.stortype, StorType.minTime)
  assert.deepEqual([...(pair?.props.keys() ?? [])], ['.seen', '.created', 'when'])
  assert.deepEqual(model.type('ndef')?.norm(['gold:pair', [0, 'X']]).valu, ['gold:pair', [0, 'x']])
})

test('a comp with a field of an unknown type refuses its values and keeps none', () => {
  const model = Model.core()
  const field = '{ctor: Comp, subof: comp, opts: {fields: [[a, no:such], [b, [int, {size: 3}]]]}}'
  model.addModelFile(parseModelFile(`types: {gold:odd: ${field}}`, 'odd.yaml'))
  const type = model.type('gold:odd')
  assert.throws(() => type?.norm(['x', 1]), { name: 'NormError', errName: 'BadTypeDef' })
  assert.equal(type?.isNormed(['x', 1]), false)
  assert.equal(type?.keeps(['x', 1]), false)
})

test('a type of a class of somebody’s own lets every value pass and is named', () => {
  const model = Model.core()
  model.addModelFile(parseModelFile(customModel, 'custom.yaml'))
  assert.deepEqual(model.opaqueTypes, ['gold:own'])
  assert.equal(model.type('gold:own')?.norm('ANY thing').valu, 'ANY thing')
})

test('parseModelFile() says what is wrong and where', () => {
  const broken = (text: string) => () => parseModelFile(text, 'x.json')
  assert.throws(broken('{"types": {"a:b": {}}}'), {
    code: 'ERR_CONFIG',
    message: /^Cannot read model file "x.json": .*a:b/,
  })
  assert.throws(broken('{'), { code: 'ERR_CONFIG' })
  assert.throws(broken('types: [1'), { code: 'ERR_CONFIG' })
})

test('addWhatFits() leaves a tag property of an array out, as addModelFile() refuses it', () => {
  const file = parseModelFile('tagprops: {levels: {typedef: [array, {type: int}]}, level: {typedef: [int, {}]}}', 'x')
  const model = Model.core()
  const { fitting, problems } = model.addWhatFits(file)
  assert.deepEqual(Object.keys(fitting.tagProps), ['level'])
  assert.deepEqual(
    problems.map(({ kind, name }) => [kind, name]),
    [['tagProp', 'levels']],
  )
  assert.throws(() => Model.core().addModelFile(file), { errName: 'BadPropDef' })
})

test('a type without a class of its own is stored as the one that it extends', () => {
  const model = Model.core()
  const types = '{gold:own: {ctor: mine.Own, stortype: 9}, gold:sub: {subof: gold:own}, gold:subsub: {subof: gold:sub}}'
  model.addModelFile(parseModelFile(`types: ${types}`, 'own.yaml'))
  assert.deepEqual([model.type('gold:sub')?.stortype, model.type('gold:subsub')?.stortype], [9, 9])
})

test('modelFileJson() writes ints of any size as parseModelFile() reads them', () => {
  const text =
    'types: {gold:big: {subof: int, opts: {max: {$i: "9223372036854775807"}, enums: [[{$i: "9007199254740993"}, a]]}}}'
  const file = parseModelFile(text, 'big.yaml')
  assert.equal(file.types['gold:big'].opts.max, 9223372036854775807n)
  assert.deepEqual(parseModelFile(JSON.stringify(modelFileJson(file)), 'x'), file)
})

test('Model.fromJSON() makes the same model of data that can be cloned', () => {
  const model = Model.core({ now: 5 })
  model.addModelFile(parseModelFile(customModel, 'custom.yaml'))
  model.addFormProp('inet:fqdn', '_temp', ['float', new PackMap([['max', 9007199254740993n]])])
  model.addUnivProp('_where', ['loc', {}])
  model.addTagProp('risk', ['int', { size: 2 }])
  const again = Model.fromJSON(structuredClone(model.toJSON()))
  const facts = (m: Model) =>
    [...m.forms.values()].flatMap((form) => [...form.props.values()].map((prop) => [prop.full, prop.stortype]))
  assert.deepEqual(facts(again), facts(model))
  assert.equal(again.tagProps.get('risk')?.stortype, StorType.i16)
  assert.equal(again.now, 5)
})

test('Model.prop() finds forms, universal properties and properties by their full names', () => {
  const model = Model.core()
  const found = [
    'inet:fqdn',
    '.seen',
    'inet:fqdn.seen',
    'inet:fqdn:zone',
    'inet:dns:a:fqdn',
    'inet:nope',
    'inet:fqdn:nope',
  ]
  assert.deepEqual(
    found.map((name) => model.prop(name)?.full),
    ['inet:fqdn', '.seen', 'inet:fqdn.seen', 'inet:fqdn:zone', 'inet:dns:a:fqdn', undefined, undefined],
  )
})
