import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fromJson } from '../../src/bytes/value-json.js'
import { Model } from '../../src/model/model.js'
import { modelFileJson, parseModelFile } from '../../src/model/model-file.js'
import { guessType } from '../../src/model-tools/guess-type.js'
import { modelOf } from '../../src/model-tools/remote-model.js'
import { type RowSamples, takeSamples } from '../../src/model-tools/row-samples.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { readSource } from '../../src/source/cortex-dir.js'
import { FormFinder } from '../../src/source/form-finder.js'
import { fixture, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { type Plant, plant } from '../support/plant.js'

const MAIN = '0b4eb4d9fb9d979464a52b2b803afb03'

test('model infer proposes for the forms of a lost module what the module had, as far as rows can tell', (t) => {
  const src = unpack('lost-module.tar.gz', tempDir(t))
  const { status, stdout, stderr } = synapseMigrator(['model', 'infer', '--src', src])
  assert.equal(status, 0, stderr)
  assert.match(stderr, /^Proposed 6 types and 15 properties; of 0 not all rows fit\. Read and correct it/)
  const proposed = JSON.parse(stdout)
  assert.equal(proposed.proposed, true)
  const bases = Object.fromEntries(
    Object.entries(proposed.types as Record<string, { subof: string; opts: object }>).map(([name, { subof, opts }]) => [
      name,
      [subof, opts],
    ]),
  )
  assert.deepEqual(bases, {
    'ex:about': ['edge', {}],
    'ex:case': ['guid', {}],
    'ex:contact': ['comp', { fields: [['label', 'ex:label'], ['email', 'inet:email']] }],
    'ex:grade': ['int', {}],
    'ex:label': ['str', {}],
    'ex:port': ['int', { size: 2, signed: false }],
  }) // biome-ignore format: a table
  const typedefs = Object.fromEntries(
    Object.entries(proposed.forms as Record<string, { props: Record<string, { typedef: unknown }> }>).flatMap(
      ([form, { props }]) => Object.entries(props).map(([prop, { typedef }]) => [`${form}:${prop}`, typedef]),
    ),
  )
  assert.deepEqual(typedefs, {
    'ex:about:n1': ['ndef', {}],
    'ex:about:n1:form': ['str', {}],
    'ex:about:n2': ['ndef', {}],
    'ex:about:n2:form': ['str', {}],
    'ex:case:grade': ['int', {}],
    'ex:case:key': ['hex', { size: 16 }],
    'ex:case:label': ['ex:label', {}],
    'ex:case:notes': ['data', {}],
    'ex:case:open': ['ival', {}],
    'ex:case:ports': ['array', { type: 'ex:port', uniq: true, sorted: true }],
    'ex:case:site': ['geo:latlong', {}],
    'ex:contact:email': ['inet:email', {}],
    'ex:contact:label': ['ex:label', {}],
    // It is {"ismin": true}, which no row tells: the evidence names it.
    'ex:contact:since': ['time', {}],
    'ex:port:proto': ['str', {}],
  })
  assert.deepEqual(proposed.forms['ex:contact'].props.since.evidence, {
    rows: 24,
    looked_at: 24,
    fit: 24,
    why: 'index bytes of a signed int of 8 bytes, and most values are times between 1900 and 2100',
    others: ['int', 'time {"ismin":true}', 'time {"ismax":true}'],
  })
})

test('a Cortex migrates with the proposal, once reviewed, as with the model of its module', (t) => {
  const dir = tempDir(t)
  const src = unpack('lost-module.tar.gz', join(dir, 'src'))
  const { defs, dict } = JSON.parse(readFileSync(fixture('model/answers-01x.json'), 'utf8'))
  const rowsWith = (name: string, model: object) => {
    const path = join(dir, `${name}.json`)
    writeFileSync(path, JSON.stringify(model))
    assert.equal(synapseMigrator(['model', 'check', path, '--src', src]).status, 0)
    const dest = join(dir, name)
    const { status, stderr } = migrate('--src', src, '--dest', dest, '--model', path)
    assert.equal(status, 0, stderr)
    assert.equal(stderr.includes('A model file was proposed'), name === 'proposed', stderr)
    return dumpCortex(dest).filter((line) => line.startsWith('layers/'))
  }
  const expected = rowsWith('module', modelFileJson(modelOf(fromJson(defs), fromJson(dict)).file))
  assert.ok(expected.filter((line) => line.includes('ex:')).length > 100)
  const proposal = JSON.parse(synapseMigrator(['model', 'infer', '--src', src]).stdout)
  const differing = rowsWith('proposed', proposal).filter((line) => !expected.includes(line))
  assert.equal(differing.length, 48)
  assert.deepEqual(
    differing.filter((line) => !line.includes('since')),
    [],
  )
  delete proposal.proposed
  proposal.forms['ex:contact'].props.since.typedef[1].ismin = true
  assert.deepEqual(rowsWith('reviewed', proposal), expected)
})

test('model infer proposes nothing where everything has a model', (t) => {
  const { stdout, stderr } = synapseMigrator(['model', 'infer', '--src', unpack('demo-cortex.tar.gz', tempDir(t))])
  assert.equal(stderr, 'Nothing to propose: everything that rows use has a model\n')
  assert.deepEqual(parseModelFile(stdout, 'proposed'), {
    proposed: true,
    types: {},
    forms: {},
    univs: {},
    tagProps: {},
  })
})

test('guessType() finds by index bytes how properties of the built-in model are stored', (t) => {
  const slab = SlabReader.open(join(unpack('demo-cortex.tar.gz', tempDir(t)), 'layers', MAIN, 'layer.lmdb'))
  t.after(() => slab.close())
  const model = Model.core()
  const all = [...model.forms.values()].flatMap((form) => [...form.props.values()].map(({ full }) => full))
  const samples: RowSamples = { nodes: new Map(), props: new Map(), univs: new Map(), tagProps: new Map() }
  const none = new Set<string>()
  const wanted = { forms: none, props: new Set(all), univs: none, tagProps: none, most: 100 }
  takeSamples(slab, new FormFinder([], new Map()), wanted, samples)
  assert.ok(samples.props.size > 100, `${samples.props.size}`)
  const wrong = [...samples.props].flatMap(([full, rows]) => {
    const guess = guessType(rows, model, (name) => model.forms.has(name))
    const [found, real] = [model.typeOf(guess.ref), model.prop(full)?.type]
    const isRight = guess.fit === rows.length && found.stortype === (real as { stortype?: number })?.stortype
    return isRight ? [] : [`${full}: ${JSON.stringify(guess.ref)}, is ${real?.name} ${JSON.stringify(real?.opts)}`]
  })
  assert.deepEqual(wrong, [
    'inet:wifi:ap:accuracy: ["int",{"signed":false}], is geo:dist {}',
    'inet:passwd:md5: ["guid",{}], is hash:md5 {"size":32}',
    // 0.1.58 stores it in 7 bytes, whatever its type says.
    'tel:mob:imid:imei: ["data",{}], is tel:mob:imei {"signed":false,"size":8}',
    'crypto:x509:cert:ext:sans: ["array",{"type":"str","uniq":true,"sorted":true}], is array {"type":"crypto:x509:san"}',
    'crypto:x509:cert:md5: ["guid",{}], is hash:md5 {"size":32}',
    'it:prod:softver:semver: ["int",{"signed":false}], is it:semver {}',
    'file:bytes:md5: ["guid",{}], is hash:md5 {"size":32}',
    // Hours before 1970.
    'inet:web:acct:signup: ["int",{}], is time {}',
    'ps:person:dob: ["int",{}], is time {}',
  ])
})

test('model infer takes the node that is there for a value for what tells its form', (t) => {
  const src = unpack('demo-cortex.tar.gz', tempDir(t))
  // Properties of a form whose name the model does not know.
  const path = join(src, 'layers', MAIN, 'layer.lmdb')
  plant(path, renamedProps(path, 'file:bytes', 'lost'))
  const { forms } = JSON.parse(synapseMigrator(['model', 'infer', '--src', src]).stdout)
  const typedefs = Object.fromEntries(
    Object.entries(forms['file:bytes'].props as Record<string, { typedef: unknown[] }>).map(([prop, { typedef }]) => [
      prop,
      typedef[0],
    ]),
  )
  assert.deepEqual(
    [typedefs['lost:md5'], typedefs['lost:sha1'], typedefs['lost:name'], typedefs['lost:size']],
    ['hash:md5', 'hash:sha1', 'file:base', 'int'],
  )
})

test('model infer takes no universal property for a part of a comp', (t) => {
  const src = unpack('lost-module.tar.gz', tempDir(t))
  const [layer] = readSource(src).layers
  const path = join(layer.dir, 'layer.lmdb')
  plant(path, renamedProps(path, 'ex:contact', '.copy'))
  const { status, stdout, stderr } = synapseMigrator(['model', 'infer', '--src', src])
  assert.equal(status, 0, stderr)
  assert.deepEqual(JSON.parse(stdout).types['ex:contact'].opts, {
    fields: [
      ['label', 'ex:label'],
      ['email', 'inet:email'],
    ],
  })
})

/** Rows that add to each node of a form its properties under other names. */
function renamedProps(path: string, form: string, prefix: string): Plant[] {
  const slab = SlabReader.open(path)
  const rows = [...(slab.db('bybuid')?.rows() ?? [])]
  slab.close()
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const own = new Set(
    rows
      .filter(({ key }) => Buffer.from(key).toString('utf8', 32) === `*${form}`)
      .map(({ key }) => hex(key.subarray(0, 32))),
  )
  return rows.flatMap(({ key, value }) => {
    const name = Buffer.from(key).toString('utf8', 32)
    if (!own.has(hex(key.subarray(0, 32))) || /^[#*._]/.test(name)) return []
    const renamed = Buffer.concat([key.subarray(0, 32), Buffer.from(`${prefix}:${name}`)])
    return [{ db: 'bybuid', dupSort: false, op: 'put' as const, key: hex(renamed), value: hex(value) }]
  })
}
