import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { fromJson } from '../../src/bytes/value-json.js'
import { readModelFiles, shownModels } from '../../src/cli/model-files.js'
import { MigrationError } from '../../src/errors.js'
import { Model } from '../../src/model/model.js'
import { type ModelFile, modelFileJson, parseModelFile } from '../../src/model/model-file.js'
import { modelOf } from '../../src/model-tools/remote-model.js'
import { readExtModel, readSource } from '../../src/source/cortex-dir.js'
import { TelepathError } from '../../src/telepath/errors.js'
import { TelepathServer } from '../../src/telepath/server.js'
import { parseUrl } from '../../src/telepath/url.js'
import { fixture, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { writeModel } from '../support/unknown-model.js'

const RELEASES = ['01x', '200', 'latest'] as const

type Answers = { readonly defs: never; readonly dict: never }

function answersOf(release: (typeof RELEASES)[number]): Answers {
  return JSON.parse(readFileSync(fixture(`model/answers-${release}.json`), 'utf8'))
}

/** The stortypes of all that a file adds, by name. */
function stortypesOf(file: ModelFile): Record<string, number | undefined> {
  const model = Model.core()
  model.addModelFile(file)
  assert.deepEqual(model.opaqueTypes, [])
  const found = Object.keys(file.forms).flatMap((name) => {
    const form = model.forms.get(name)
    const props = [...(form?.props.values() ?? [])].map(({ full, stortype }) => [full, stortype] as const)
    return [[name, form?.stortype] as const, ...props]
  })
  return Object.fromEntries(found.filter(([name]) => name.startsWith('ex:')))
}

for (const release of RELEASES) {
  test(`modelOf() makes of the answers of ${release} the model of the module`, () => {
    const { defs, dict } = answersOf(release)
    const { file, problems } = modelOf(fromJson(defs), fromJson(dict))
    assert.deepEqual(problems, [])
    const stortypes = stortypesOf(file)
    assert.deepEqual(
      ['ex:label', 'ex:port', 'ex:contact', 'ex:about', 'ex:case:ports', 'ex:case:site'].map((name) => stortypes[name]),
      [1, 3, 13, 13, 0x8003, 14],
    )
    assert.deepEqual(Object.keys(file.types).sort(), [
      'ex:about',
      'ex:case',
      'ex:contact',
      'ex:grade',
      'ex:label',
      'ex:port',
    ])
    assert.equal(file.types['inet:fqdn'], undefined)
    // Written and read again it is the same.
    assert.deepEqual(parseModelFile(JSON.stringify(modelFileJson(file)), 'x'), file)
    const model = Model.core()
    model.addModelFile(file)
    assert.deepEqual(model.type('ex:contact')?.norm(['A  B', 'Visi@Vertex.Link']).valu, ['a b', 'visi@vertex.link'])
  })
}

test('modelOf() does without getModelDefs(), as the first releases of 0.1.x do', () => {
  const { defs, dict } = answersOf('01x')
  const { file, problems } = modelOf(null, fromJson(dict))
  assert.deepEqual(problems, [])
  assert.deepEqual(stortypesOf(file), stortypesOf(modelOf(fromJson(defs), fromJson(dict)).file))
})

/** With a type whose class nobody knows, and a property of it. */
function withOwnType(): Answers {
  const { defs, dict } = answersOf('01x') as unknown as {
    defs: [string, { ctors: unknown[] }][]
    dict: { types: Record<string, unknown>; forms: Record<string, { props: Record<string, unknown> }> }
  }
  defs[0][1].ctors.push(['ex:own', 'mine.Own', {}, {}])
  dict.types['ex:own'] = { info: { bases: [] }, opts: {} }
  dict.forms['ex:case'].props.own = { type: ['ex:own', {}] }
  return { defs: defs as never, dict: dict as never }
}

test('modelOf() leaves out a type of a class of its own that nobody says how to store, and what is of it', () => {
  const { defs, dict } = withOwnType()
  const { file, problems } = modelOf(fromJson(defs), fromJson(dict))
  assert.equal(file.forms['ex:case'].own, undefined)
  assert.deepEqual(
    problems.map(({ kind, name }) => [kind, name]),
    [
      ['type', 'ex:own'],
      ['prop', 'ex:case:own'],
    ],
  )
  assert.match(problems[0].message, /unknown class mine\.Own without a stortype/)
})

test('--model takes the url of a running Cortex, and no message holds its password', async (t) => {
  let { defs, dict } = answersOf('200')
  const server = new TelepathServer<string>({
    hasShare: () => true,
    authenticate: async (auth) => {
      if (auth?.passwd !== 'hunter2') throw TelepathError.of('AuthDeny', { mesg: 'Invalid password' })
      return 'root'
    },
    open: () => ({
      classes: ['synapse.cortex.CoreApi'],
      version: [2, 0, 0],
      methods: new Map([
        ['getModelDefs', { run: () => fromJson(defs) }],
        ['getModelDict', { run: () => fromJson(dict) }],
      ]),
    }),
    log: () => {},
  })
  const port = await server.listen(parseUrl('tcp://127.0.0.1:0/'))
  t.after(() => server.close())
  const path = writeModel(tempDir(t))
  const said: string[] = []
  const warn = (text: string) => void said.push(text)
  const [own, ofCortex] = await readModelFiles([path, `tcp://root:hunter2@127.0.0.1:${port}/`], warn)
  assert.deepEqual(Object.keys(own.forms), ['acme:thing', 'inet:fqdn'])
  assert.deepEqual(ofCortex, modelOf(fromJson(defs), fromJson(dict)).file)
  for (const [url, found] of [
    [
      `tcp://root:hunter3@127.0.0.1:${port}/`,
      /^Cannot read the model of tcp:\/\/root:\*{4}@127\.0\.0\.1:\d+\/: AuthDeny/,
    ],
    [
      'tcp://root:hunter3@127.0.0.1:1/?x=hunter3',
      /^Cannot read the model of tcp:\/\/root:\*{4}@127\.0\.0\.1:1\/: Cannot connect/,
    ],
    [
      'tcp://root:12/hunter3@127.0.0.1:1/',
      /^Cannot read the model of tcp:\/\/root:\*{4}@127\.0\.0\.1:1\/: Cannot connect/,
    ],
    ['tcp://root:hunter3@127.0.0.1/', /it has no port/],
  ] as const) {
    await assert.rejects(readModelFiles([url], warn), (error) => {
      assert.ok(error instanceof MigrationError)
      assert.match(error.message, found)
      assert.doesNotMatch(`${error.message} ${error.hint}`, /hunter/)
      return true
    })
  }
  // What is left out goes where all else of the run is said.
  ;({ defs, dict } = withOwnType())
  assert.deepEqual(said, [])
  await readModelFiles([`tcp://root:hunter2@127.0.0.1:${port}/`], warn)
  assert.match(
    said.join('\n'),
    /^Left out of the model of tcp:\/\/root:\*{4}@127[.0-9:]+\/: type ex:own: BadTypeDef.*\n.*ex:case:own/,
  )
})

test('shownModels() keeps passwords out of reports, whatever they are made of', () => {
  assert.deepEqual(
    shownModels(['a/model.json', 'tcp://root:a b@\'/"?:@h:1/x?certname=secret', 'ssl://root@h:1/', 'alias']),
    ['a/model.json', 'tcp://root:****@h:1/x', 'ssl://root@h:1/', 'alias'],
  )
})

test('model export writes what --model reads: all of the built-in model and of the hive', async (t) => {
  const dir = unpack('demo-cortex.tar.gz', tempDir(t))
  const { status, stdout, stderr } = synapseMigrator(['model', 'export', dir])
  assert.deepEqual([status, stderr], [0, ''])
  const file = parseModelFile(stdout, 'exported')
  const whole = Model.core()
  whole.addExtendedModel(readExtModel(readSource(dir).hive))
  assert.ok(isDeepStrictEqual(file, whole.toFile()))
  assert.deepEqual(Object.keys(file.univs).sort(), ['._first', '._kinds', '._origin', '._score', '.created', '.seen'])
  // The hive has its tag properties again: no warning of that.
  const again = Model.core()
  again.addModelFile(file)
  assert.deepEqual(again.addExtendedModel(readExtModel(readSource(dir).hive)), [])
})

test('model export refuses the directory of a 2.x Cortex, which does not hold what its modules add', (t) => {
  const { status, stderr } = synapseMigrator([
    'model',
    'export',
    join(unpack('reference/oldform.tar.gz', tempDir(t)), 'dest'),
  ])
  assert.equal(status, 5)
  assert.match(
    stderr,
    /^error: Cannot export the model of ".*": it is a Cortex of version .*\nhint: Start it, and give/,
  )
})
