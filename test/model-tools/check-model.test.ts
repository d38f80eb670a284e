import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { MigrationError } from '../../src/errors.js'
import { type ModelFile, parseModelFile } from '../../src/model/model-file.js'
import { indexedNames, noNames } from '../../src/model-tools/row-names.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { preflight } from '../../src/preflight/preflight.js'
import { readSource } from '../../src/source/cortex-dir.js'
import { cortexModel } from '../../src/source/cortex-model.js'
import { migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { PREFLIGHT_OPTIONS } from '../support/preflight-options.js'
import { addUnknown, writeModel } from '../support/unknown-model.js'

const MAIN = '0b4eb4d9fb9d979464a52b2b803afb03'

interface Checked {
  readonly covered: boolean
  readonly [kind: string]: unknown
}

function check(src: string, ...models: string[]): Checked & { status: number | null; stderr: string } {
  const { status, stdout, stderr } = synapseMigrator(['model', 'check', ...models, '--src', src, '--json'])
  return { status, stderr, ...JSON.parse(stdout) }
}

test('model check counts the rows that no model has, those of partial nodes too', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  assert.deepEqual(check(src), { status: 0, stderr: '', schema_version: 1, covered: true, ...NOTHING })
  addUnknown(src)
  const found = check(src)
  assert.deepEqual(found, {
    status: 8,
    stderr: '',
    schema_version: 1,
    covered: false,
    ...NOTHING,
    types: [{ name: 'acme:thing', count: 5 }],
    forms: [{ name: 'acme:thing', count: 40 }],
    props: [
      { name: 'acme:thing:_kin', count: 5 },
      { name: 'acme:thing:_rating', count: 5 },
      { name: 'acme:thing:fqdn', count: 40 },
      { name: 'acme:thing:name', count: 40 },
      { name: 'acme:thing:names', count: 40 },
      { name: 'acme:thing:ratio', count: 40 },
      // Ten of them in the fork, whose nodes have their form in the layer below.
      { name: 'acme:thing:size', count: 50 },
      { name: 'inet:fqdn:acmelevel', count: 1 },
    ],
    tagProps: [{ name: 'acmescore', count: 41 }],
  })
  const model = writeModel(dir)
  assert.deepEqual(check(src, model), { status: 0, stderr: '', schema_version: 1, covered: true, ...NOTHING })
  const text = synapseMigrator(['model', 'check', '--src', src]).stdout
  assert.match(text, /^form +acme:thing +40$/m)
})

test('model check tells what of a model makes no sense, and which type it lacks', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  addUnknown(src)
  const path = join(dir, 'model.yaml')
  writeFileSync(
    path,
    'types: {"acme:thing": {subof: str}}\n' +
      'forms: {"acme:thing": {props: {name: {typedef: [str, {}]}, size: {typedef: [acme:size, {}]}, ' +
      'names: {typedef: [array, {type: acme:name}]}}}}\n',
  )
  const found = check(src, path)
  assert.equal(found.status, 8)
  assert.deepEqual(found.types, [
    { name: 'acme:name', count: 40 },
    { name: 'acme:size', count: 50 },
  ])
  assert.deepEqual(found.problems, [
    "property acme:thing:size: NoSuchType: name='acme:size'",
    "property acme:thing:names: 'NoneType' object has no attribute 'clone'",
  ])
  assert.deepEqual(found.forms, [])
})

test('model check reads a source of before 0.1.58 in the names of today', (t) => {
  const { status, forms, props, stderr } = check(unpack('old/0.1.0.tar.gz', tempDir(t)))
  assert.deepEqual([status, forms, props], [0, [], []], stderr)
})

test('preflight() warns of what no model has, by the indexes alone', async (t) => {
  const dir = tempDir(t)
  const src = unpack('lost-module.tar.gz', join(dir, 'src'))
  const warningsWith = async (modelFiles: ModelFile[]) => {
    const found = await preflight(readSource(src), { ...PREFLIGHT_OPTIONS, modelFiles, destDir: join(dir, 'dest') })
    return found.warnings.map(({ text }) => text)
  }
  const forms = {
    'ex:about': {},
    'ex:case': { label: ['ex:label', {}] },
    'ex:contact': {},
    'ex:label': {},
    'ex:port': { proto: ['str', {}] },
  } as const
  const types = Object.fromEntries(
    Object.keys(forms).map((name) => [name, { classes: [], subof: 'str', opts: {}, stortype: null }]),
  )
  const [, lost] = await warningsWith([])
  assert.match(
    lost,
    /^No model has what rows of the layers use: 5 forms \(ex:about, ex:case, ex:contact, ex:label, ex:port\); 1 tag property \(level\)\. These/,
  )
  const [, partly] = await warningsWith([{ types, forms, univs: {}, tagProps: { level: ['int', {}] } }])
  assert.match(partly, /use: 12 properties \(ex:about:n1, ex:about:n1:form, .*, and 2 more\)\. These/)
})

test('preflight() refuses a model file that makes no sense, and warns of what it passes over', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const path = join(dir, 'model.yaml')
  const found = async (text: string) => {
    writeFileSync(path, text)
    const modelFiles = [parseModelFile(text, path)]
    const { problems, warnings } = await preflight(readSource(src), {
      ...PREFLIGHT_OPTIONS,
      modelFiles,
      destDir: join(dir, 'dest'),
    })
    return [problems, warnings].map((findings) => findings.map(({ text }) => text))
  }
  const [problems] = await found(
    'types: {"acme:thing": {subof: str}, "acme:odd": {subof: "no:such"}}\n' +
      'forms: {"acme:thing": {props: {size: {typedef: [acme:size, {}]}}}}\n' +
      'tagprops: {levels: {typedef: [array, {type: int}]}}\n',
  )
  assert.deepEqual(problems, [
    "Cannot use a model file: type acme:odd: NoSuchType: name='no:such'",
    "Cannot use a model file: property acme:thing:size: NoSuchType: name='acme:size'",
    "Cannot use a model file: tag property levels: BadPropDef: mesg='Tag props may not be array types (yet).'",
  ])
  // The run says the same, and is no internal error.
  const refused = migrate('--src', src, '--dest', join(dir, 'dest'), '--model', path)
  assert.equal(refused.status, 4, refused.stderr)
  assert.throws(() => cortexModel(readSource(src), [parseModelFile(readFileSync(path, 'utf8'), path)]), {
    code: 'ERR_CONFIG',
    message: /^Cannot use a model file: NoSuchType: name='no:such'/,
  })
  // What the model has is taken from there, whatever a file says of it.
  const passed = await found('forms: {"inet:fqdn": {props: {zone: {typedef: ["no:such", {}]}}}}\n')
  assert.deepEqual(passed, [
    [],
    [
      "A model file is passed over where the model has the same already: property inet:fqdn:zone: NoSuchType: name='no:such'",
    ],
  ])
  assert.equal(migrate('--src', src, '--dest', join(dir, 'dest'), '--model', path).status, 0)
})

test('preflight() is not stopped by a damaged index, which a migration does not read', async (t) => {
  const dir = tempDir(t)
  const src = unpack('lost-module.tar.gz', join(dir, 'src'))
  const [layer] = readSource(src).layers
  const path = join(layer.dir, 'layer.lmdb')
  const slab = SlabReader.open(path)
  const root = slab.db('byprop')?.record.root ?? 0
  const { pageSize } = slab
  slab.close()
  const fd = openSync(join(path, 'data.mdb'), 'r+')
  writeSync(fd, Buffer.alloc(pageSize, 0xee), 0, pageSize, root * pageSize)
  closeSync(fd)
  const damaged = SlabReader.open(path)
  t.after(() => damaged.close())
  assert.throws(() => indexedNames(damaged, noNames()), MigrationError)
  const { problems, warnings } = await preflight(readSource(src), { ...PREFLIGHT_OPTIONS, destDir: join(dir, 'dest') })
  assert.deepEqual([problems, warnings.length], [[], 1])
})

test('preflight() warns of a proposed model that nobody has looked at', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const modelFiles = [{ types: {}, forms: {}, univs: {}, tagProps: {}, proposed: true }]
  const { warnings } = await preflight(readSource(src), {
    ...PREFLIGHT_OPTIONS,
    modelFiles,
    destDir: join(dir, 'dest'),
  })
  assert.deepEqual(
    warnings.map(({ text }) => text),
    ['A model file was proposed by "synapse-migrator model infer", and nobody has said that it is right'],
  )
})

test('indexedNames() finds the names that rows have, of tag properties too', (t) => {
  const src = unpack('demo-cortex.tar.gz', tempDir(t))
  const slab = SlabReader.open(join(src, 'layers', MAIN, 'layer.lmdb'))
  t.after(() => slab.close())
  const found = noNames()
  indexedNames(slab, found)
  const rows = new Set<string>()
  const tagProps = new Set<string>()
  let form = ''
  for (const { key } of slab.db('bybuid')?.rows() ?? []) {
    const name = Buffer.from(key).toString('utf8', 32)
    if (name.startsWith('*')) form = name.slice(1)
    if (name.startsWith('#') && name.includes(':')) tagProps.add(name.slice(name.indexOf(':') + 1))
    // Partial nodes are in the forks; values without index are of type data.
    if (!/^[*#]/.test(name)) rows.add(`${form} ${name}`)
  }
  const indexed = [...found.props].flatMap(([name, props]) => [...props.keys()].map((prop) => `${name} ${prop}`))
  assert.ok(indexed.length > 100)
  assert.deepEqual(
    indexed.filter((name) => !rows.has(name)),
    [],
  )
  const unindexed = [...rows].filter((name) => !indexed.includes(name))
  assert.deepEqual(unindexed, ['ps:person _blob'])
  assert.deepEqual([...found.tagProps.keys()].sort(), [...tagProps].sort())
})

test('no file of a destination holds the password of --model', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  const bin = resolve('bin/migrate_020.mjs')
  for (const model of [['--model', URL_OF_NOBODY], [`--model=${URL_OF_NOBODY}`]]) {
    const args = [bin, '--src', src, '--dest', dest, '--report-dir', dir, ...model]
    const ended = await promisify(execFile)(process.execPath, args).catch((error) => error)
    assert.equal(ended.code, 3)
    assert.match(ended.stderr, /Cannot read the model of tcp:\/\/root:\*{4}@127\.0\.0\.1:1\//)
    assert.doesNotMatch(ended.stderr, /hunter/)
  }
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) assert.ok(!readFileSync(join(entry.parentPath, entry.name)).includes('hunter'), entry.name)
  }
})

test('no file of a destination holds the token of a hook, nor a password with a space', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  // A file of this name stands for a Cortex that answers.
  mkdirSync(join(dir, 'tcp:', 'root:hun ter2@127.0.0.1:1'), { recursive: true })
  writeFileSync(join(dir, 'tcp:', 'root:hun ter2@127.0.0.1:1', 'cortex'), '{}')
  const hook = (name: string) => [`--on-${name}`, 'true # hunter2']
  const model = ['--model', 'tcp://root:hun ter2@127.0.0.1:1/cortex']
  const args = ['--src', src, '--dest', 'dest', '--workers', '1', ...model, ...hook('success'), ...hook('failure')]
  const { status, stderr } = spawnSync(process.execPath, [resolve('bin/migrate_020.mjs'), ...args], {
    cwd: dir,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  const log = readFileSync(join(dir, 'dest', 'migration', 'migrate.log'), 'utf8')
  assert.match(log, /Option model: \["tcp:\/\/root:\*{4}@127\.0\.0\.1:1\/cortex"\], from the command line/)
  for (const entry of readdirSync(join(dir, 'dest'), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) assert.doesNotMatch(readFileSync(path, 'latin1'), /hunter|hun ter/, entry.name)
  }
})

const URL_OF_NOBODY = 'tcp://root:hunter2@127.0.0.1:1/'
const NOTHING = { types: [], forms: [], props: [], univs: [], tagProps: [], problems: [] }
