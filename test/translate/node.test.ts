import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buid } from '../../src/bytes/hash.js'
import { decode, encode, Float, type Value } from '../../src/bytes/msgpack.js'
import { NODE_INDEX_DBS, type NodeIndexDb, perDb } from '../../src/layout/dest-dbs.js'
import { Model } from '../../src/model/model.js'
import { pyBytesRepr } from '../../src/python/repr.js'
import { StorType } from '../../src/stortype/stortype.js'
import type { IndexRows } from '../../src/translate/index-rows.js'
import { NodeTranslator } from '../../src/translate/node.js'
import { Flag } from '../../src/translate/node-rows.js'
import { packedName, SourceNode } from '../../src/translate/source-node.js'

const MIN_INT = -(2n ** 63n)
const FQDN = ['inet:fqdn', 'vertex.link'] as const
const CREATED = 1_577_836_800_000

/** Rows of a node as 0.1.x stores them: name and value, or for damaged ones the raw bytes of the value. */
type Rows = readonly (readonly [name: string | Uint8Array, valu: Value | { raw: string }])[]

function sourceNode(of: Uint8Array, rows: Rows): SourceNode {
  const node = new SourceNode()
  const keys = rows.map(([name, valu]) => {
    const raw = typeof valu === 'object' && valu !== null && 'raw' in valu ? Buffer.from(valu.raw, 'hex') : null
    return {
      key: Buffer.concat([of, Buffer.from(name as string)]),
      value: Buffer.from(raw ?? encode([valu as Value, null])),
    }
  })
  keys.sort((a, b) => Buffer.compare(a.key, b.key))
  node.begin(Buffer.from(of), 0)
  for (const { key, value } of keys) node.add(key, 32, key.length, value, 0, value.length)
  return node
}

function model(): Model {
  const made = Model.core()
  made.addTagProp('score', ['int', {}])
  made.addTagProp('note', ['str', {}])
  made.addTagProp('tiny', ['int', { size: 1 }])
  return made
}

function translator(checks = true): NodeTranslator {
  return new NodeTranslator(model(), { checks, layer: 'l'.repeat(32) })
}

/** The names of a table by their numbers. */
function indexTexts(rows: IndexRows, name: (group: number) => string): string[] {
  return Array.from({ length: rows.count }, (_, i) => {
    const index = rows.bytes.subarray(rows.starts[i], rows.starts[i] + rows.lengths[i])
    return `${name(rows.groups[i])} ${index.toString('hex')} ${rows.owners[i]}`
  }).sort()
}

/** Everything that a translator has collected. */
function collected(translated: NodeTranslator) {
  const texts = (db: NodeIndexDb) =>
    indexTexts(translated.indexes[db], (group) => {
      const names = translated.plans.groupNames(db, group).map(({ name }) => Buffer.from(name).toString('latin1'))
      return names.join(' ')
    })
  return {
    ...perDb(NODE_INDEX_DBS, texts),
    forms: [...translated.formCounts],
  }
}

/** `bybuid` rows of the node translated last: flag, name, value and stortype. */
/** Each `bybuid` row as `flag name valu stortype`, the last two in hex; that of an ndef has the form for a name. */
function nodeRows(translated: NodeTranslator, node: SourceNode): string[] {
  const rows: string[] = []
  translated.rows.writeTo(node, {
    add: (key, keyStart, keyEnd, value, valueStart, valueEnd) => {
      assert.deepEqual(Buffer.from(key.subarray(keyStart, keyStart + 32)), node.buid)
      const flag = key[keyStart + 32]
      const content = decode(value, valueStart, valueEnd)
      if (flag === Flag.tag) {
        rows.push(`${flag} ${Buffer.from(key.subarray(keyStart + 33, keyEnd))} ${hex(content)} -`)
        return
      }
      assert.ok(Array.isArray(content))
      const [valu, stortype] = content.slice(-2)
      const name = flag === Flag.ndef ? content[0] : Buffer.from(key.subarray(keyStart + 33, keyEnd))
      rows.push(`${flag} ${name} ${hex(valu)} ${hex(stortype)}`)
    },
  })
  return rows
}

function hex(value: Value): string {
  return Buffer.from(encode(value)).toString('hex')
}

function name(...parts: (string | null)[]): string {
  return Buffer.from(packedName(...parts)).toString('latin1')
}

const empty = { byprop: [], byarray: [], bytag: [], bytagprop: [], forms: [] }
const reprOf = (value: Value) => pyBytesRepr(buid(value))
const WRONG = new Uint8Array(32).fill(7)

/** One row each: what is in the node, and the text that the reference has for it. */
const REFUSED: readonly {
  readonly what: string
  readonly rows: Rows
  readonly of?: Uint8Array
  readonly known?: string
  readonly checks?: boolean
  readonly code: string
  readonly mesg: string | RegExp
}[] = [
  {
    what: 'a form that the model does not have',
    rows: [['*foo:bar', 'x']],
    code: 'FORM',
    mesg: "Unable to determine stortype for foo:bar: 'NoneType' object has no attribute 'type'",
  },
  {
    what: 'a form that the model does not have, without checks',
    rows: [['*foo:bar', 'x']],
    checks: false,
    code: 'FORM',
    mesg: 'Unable to determine stortype for foo:bar',
  },
  {
    what: 'a value that norms to another one',
    rows: [['*inet:fqdn', 'Vertex.LINK']],
    of: buid(['inet:fqdn', 'Vertex.LINK']),
    code: 'NORM',
    mesg: 'Normed form val does not match inbound inet:fqdn, Vertex.LINK, vertex.link',
  },
  {
    what: 'a value that does not hash to the buid',
    rows: [['*inet:fqdn', 'vertex.link']],
    of: WRONG,
    code: 'BUID',
    mesg: `Calculated buid does not match inbound ${pyBytesRepr(WRONG)}, inet:fqdn, vertex.link`,
  },
  {
    what: 'a value that neither norms to itself nor hashes to the buid',
    rows: [['*inet:fqdn', 'Vertex.LINK']],
    of: WRONG,
    code: 'BUID',
    mesg: `Calculated buid does not match inbound ${pyBytesRepr(WRONG)}, inet:fqdn, Vertex.LINK`,
  },
  {
    what: 'a value that cannot be normed',
    rows: [['*inet:ipv4', 'nonesuch']],
    of: buid(['inet:ipv4', 'nonesuch']),
    code: 'NORM',
    mesg: /^Buid\/norming exception .+: b'.+', inet:ipv4, nonesuch$/s,
  },
  {
    what: 'no form row and no known form',
    rows: [['zone', 'x']],
    of: buid([...FQDN]),
    code: 'PARTIAL',
    mesg: `No form name available for ${reprOf([...FQDN])}`,
  },
  {
    what: 'a known form that the model does not have',
    rows: [['zone', 'x']],
    known: 'foo:bar',
    code: 'FORM',
    mesg: 'Unable to determine stortype for foo:bar',
  },
  {
    what: 'an unknown property',
    rows: [['nope', 1]],
    code: 'STORTYPE',
    mesg: 'Unable to determine stortype for sprop nope, form inet:fqdn',
  },
  {
    what: 'an unknown universal property',
    rows: [['.nope', 1]],
    code: 'STORTYPE',
    mesg: 'Unable to determine stortype for sprop .nope, form inet:fqdn',
  },
  {
    what: 'a second form row',
    rows: [['*inet:ipv4', 1]],
    code: 'STORTYPE',
    mesg: 'Unable to determine stortype for sprop inet:ipv4, form inet:fqdn',
  },
  {
    what: 'an unknown tag property',
    rows: [['#foo.bar:nope', 1]],
    code: 'STORTYPE',
    mesg: "Unable to determine stortype for tagprop nope: 'NoneType' object has no attribute 'base'",
  },
  {
    what: 'an int below the least that can be indexed',
    rows: [['#foo:score', MIN_INT]],
    code: 'INDEX',
    mesg: /^Unable to store nodeedits on l{32}: can't convert negative int to unsigned/,
  },
  {
    what: 'an int above the most that can be indexed',
    rows: [['#foo:tiny', 129]],
    code: 'INDEX',
    mesg: /^Unable to store nodeedits on l{32}: int too big to convert/,
  },
  {
    what: 'a text where a number belongs',
    rows: [['.created', 'yesterday']],
    code: 'INDEX',
    mesg: /^Unable to store nodeedits on l{32}: can only concatenate str \(not "int"\) to str/,
  },
  {
    what: 'a property whose key would have 512 bytes',
    rows: [['p'.repeat(479), 1]],
    code: 'INDEX',
    mesg: /MDB_BAD_VALSIZE/,
  },
  {
    what: 'a row name that is not UTF-8',
    rows: [[Uint8Array.of(0x23, 0xff), 1]],
    code: 'ROW',
    mesg: /^A row name is not UTF-8: b'.*\\xff'/,
  },
  { what: 'a row without a name', rows: [['', 1]], code: 'ROW', mesg: /^Unable to parse a row without a name of b'/ },
  { what: 'a tag without a name', rows: [['#', 1]], code: 'INDEX', mesg: /MDB_BAD_VALSIZE/ },
  {
    what: 'a value that is no pair',
    rows: [['zone', { raw: '01' }]],
    code: 'ROW',
    mesg: /^Unable to decode row zone of b'/,
  },
  {
    what: 'a value that ends too soon',
    rows: [['zone', { raw: '92a5' }]],
    code: 'ROW',
    mesg: /^Unable to decode row zone/,
  },
  { what: 'an empty value', rows: [['zone', { raw: '' }]], code: 'ROW', mesg: /^Unable to decode row zone/ },
  {
    what: 'a pair with more behind it',
    rows: [['zone', { raw: '92a17801c0' }]],
    code: 'ROW',
    mesg: /^Unable to decode row zone/,
  },
]

for (const { what, rows, of, known, checks = true, code, mesg } of REFUSED) {
  test(`NodeTranslator refuses ${what}, and leaves nothing of the node behind`, () => {
    const translated = translator(checks)
    const isFqdn = of === undefined && known === undefined && !rows.some(([row]) => row === '*foo:bar')
    const usual: Rows = [
      ['#some.tag', [null, null]],
      ['.created', CREATED],
      ['.seen', [1, 2]],
    ]
    const form: Rows = isFqdn ? [['*inet:fqdn', 'vertex.link']] : []
    const others = usual.filter(([name]) => rows.every(([row]) => row !== name))
    const node = sourceNode(of ?? buid([...FQDN]), [...form, ...others, ...rows])
    const outcome = translated.translate(node, 0, known ?? null)
    assert.ok(outcome !== null)
    assert.equal(outcome.kept, false)
    assert.equal(outcome.failure.code, code, outcome.failure.mesg)
    if (typeof mesg === 'string') assert.equal(outcome.failure.mesg, mesg)
    else assert.match(outcome.failure.mesg, mesg)
    assert.equal(translated.rows.count, 0)
    assert.equal(translated.rows.hasForm, false)
    assert.deepEqual(collected(translated), empty)
  })
}

test('NodeTranslator writes the rows and indexes of a node: form, properties, universals, tags, tag properties', () => {
  const translated = translator()
  const node = sourceNode(buid([...FQDN]), [
    ['*inet:fqdn', 'vertex.link'],
    ['.created', CREATED],
    ['domain', 'link'],
    ['iszone', 1],
    ['#foo', [null, null]],
    ['#foo.bar', [1, 2]],
    ['#foo.bar:score', -5],
    ['#foo.bar:tiny', 7],
  ])
  assert.equal(translated.translate(node, 3, null), null)
  assert.equal(translated.rows.form?.name, 'inet:fqdn')
  assert.equal(translated.rows.hasForm, true)
  const stor = (type: number) => hex(type)
  assert.deepEqual(nodeRows(translated, node), [
    `0 inet:fqdn ${hex('vertex.link')} ${stor(StorType.fqdn)}`,
    `1 .created ${hex(CREATED)} ${stor(StorType.time)}`,
    `1 domain ${hex('link')} ${stor(StorType.fqdn)}`,
    `1 iszone ${hex(1)} ${stor(StorType.u8)}`,
    `2 foo ${hex([null, null])} -`,
    `2 foo.bar ${hex([1, 2])} -`,
    `3 foo.bar:score ${hex(-5)} ${stor(StorType.i64)}`,
    `3 foo.bar:tiny ${hex(7)} ${stor(StorType.i8)}`,
  ])
  const created = (BigInt(CREATED) + 2n ** 63n - 1n).toString(16)
  assert.deepEqual(collected(translated), {
    byprop: [
      `${name('inet:fqdn', '.created')} ${created} 3`,
      `${name('inet:fqdn', 'domain')} ${Buffer.from('knil').toString('hex')} 3`,
      `${name('inet:fqdn', 'iszone')} 01 3`,
      `${name('inet:fqdn', null)} ${Buffer.from('knil.xetrev').toString('hex')} 3`,
      `${name(null, '.created')} ${created} 3`,
    ].sort(),
    byarray: [],
    bytag: [`foo ${name('inet:fqdn', null)}  3`, `foo.bar ${name('inet:fqdn', null)}  3`],
    bytagprop: [
      `${name('inet:fqdn', 'foo.bar', 'score')} 7ffffffffffffffa 3`,
      `${name(null, 'foo.bar', 'score')} 7ffffffffffffffa 3`,
      `${name('inet:fqdn', 'foo.bar', 'tiny')} 86 3`,
      `${name(null, 'foo.bar', 'tiny')} 86 3`,
    ].sort(),
    forms: [['inet:fqdn', 1]],
  })
})

test('NodeTranslator indexes arrays by element under byarray, and as a whole under byprop', () => {
  const translated = translator()
  const org = ['ou:org', 'a'.repeat(32)] as const
  const node = sourceNode(buid([...org]), [
    ['*ou:org', org[1]],
    ['names', ['second', 'first', 'second']],
  ])
  assert.equal(translated.translate(node, 0, null), null)
  const { byarray, byprop } = collected(translated)
  const names = name('ou:org', 'names')
  const text = (value: string) => Buffer.from(value).toString('hex')
  assert.deepEqual(byarray, [
    `${names} ${text('first')} 0`,
    `${names} ${text('second')} 0`,
    `${names} ${text('second')} 0`,
  ])
  assert.equal(byprop.filter((row) => row.startsWith(`${names} `)).length, 1)
  assert.equal(
    nodeRows(translated, node)[1],
    `1 names ${hex(['second', 'first', 'second'])} ${hex(StorType.utf8 | 0x8000)}`,
  )
})

test('NodeTranslator indexes universal arrays under both names, with and without the form', () => {
  const made = model()
  made.addUnivProp('_marks', ['array', { type: 'int' }])
  const translated = new NodeTranslator(made, { checks: true, layer: 'l' })
  const node = sourceNode(buid([...FQDN]), [
    ['*inet:fqdn', 'vertex.link'],
    ['._marks', [1, 2]],
  ])
  assert.equal(translated.translate(node, 0, null), null)
  const { byarray, byprop } = collected(translated)
  const names = [name('inet:fqdn', '._marks'), name(null, '._marks')]
  const one = (value: number) => `8${String(value - 1).padStart(15, '0')} 0`
  assert.deepEqual(byarray, names.flatMap((text) => [`${text} ${one(1)}`, `${text} ${one(2)}`]).sort())
  for (const text of names) assert.equal(byprop.filter((row) => row.startsWith(`${text} `)).length, 1)
})

test('NodeTranslator says the same of a row that ends within a head, whatever lies behind it', () => {
  for (const [row, behind] of [
    ['dc', '0002'],
    ['dc00', '0290'],
    ['dd000000', '0290'],
  ]) {
    const node = new SourceNode()
    node.begin(Buffer.alloc(32), 0)
    const buf = Buffer.from(`${row}${behind}`, 'hex')
    node.add(Buffer.from('*inet:fqdn'), 0, 10, buf, 0, row.length / 2)
    assert.throws(() => node.valuEnd(0), { message: /not a \[valu, indx\] pair/ })
  }
})

test('NodeTranslator drops a null value and keeps the node (D26)', () => {
  const translated = translator()
  const node = sourceNode(buid([...FQDN]), [
    ['*inet:fqdn', 'vertex.link'],
    ['zone', null],
    ['domain', 'link'],
    ['#foo', null],
    ['#foo:score', null],
    ['#bar', [null, null]],
  ])
  const outcome = translated.translate(node, 0, null)
  assert.equal(outcome?.kept, true)
  assert.equal(outcome?.failure.code, 'NULL')
  assert.match(outcome?.failure.mesg ?? '', /^Null value not migrated: /)
  assert.deepEqual(
    nodeRows(translated, node).map((row) => row.split(' ').slice(0, 2).join(' ')),
    ['0 inet:fqdn', '1 domain', '2 bar'],
  )
  assert.equal(collected(translated).bytagprop.length, 0)
  assert.equal(collected(translated).bytag.length, 1)
})

test('NodeTranslator leaves out a tag property whose name has a colon and keeps the node (D13)', () => {
  const translated = translator()
  const node = sourceNode(buid([...FQDN]), [
    ['*inet:fqdn', 'vertex.link'],
    ['#foo:a:b', 1],
    ['#foo', [null, null]],
  ])
  const outcome = translated.translate(node, 0, null)
  assert.equal(outcome?.kept, true)
  assert.match(outcome?.failure.mesg ?? '', /No 2\.x release can read a tag prop of the name a:b/)
  assert.deepEqual(nodeRows(translated, node).length, 2)
})

test('NodeTranslator keeps property names up to the longest key', () => {
  const made = model()
  const longest = `_${'p'.repeat(477)}`
  made.addFormProp('inet:fqdn', longest, ['int', {}])
  const translated = new NodeTranslator(made, { checks: true, layer: 'l' })
  const node = sourceNode(buid([...FQDN]), [
    ['*inet:fqdn', 'vertex.link'],
    [longest, 1],
  ])
  assert.equal(translated.translate(node, 0, null), null)
  assert.equal(translated.rows.count, 2)
})

test('NodeTranslator translates partial nodes with the form that is known, and counts no form', () => {
  const translated = translator()
  const node = sourceNode(buid([...FQDN]), [
    ['zone', 'vertex.link'],
    ['#foo', [null, null]],
  ])
  assert.equal(translated.translate(node, 0, 'inet:fqdn'), null)
  assert.deepEqual(
    nodeRows(translated, node).map((row) => row.split(' ').slice(0, 2).join(' ')),
    ['1 zone', '2 foo'],
  )
  assert.equal(translated.rows.hasForm, true)
  assert.deepEqual(collected(translated).forms, [])
  assert.deepEqual(collected(translated).byprop, [
    `${name('inet:fqdn', 'zone')} ${Buffer.from('knil.xetrev').toString('hex')} 0`,
  ])
})

test('NodeTranslator sorts a second form row that the model knows as a property among the properties', () => {
  const made = model()
  made.addFormProp('inet:fqdn', '_first', ['int', {}])
  const translated = new NodeTranslator(made, { checks: true, layer: 'l' })
  const node = sourceNode(buid([...FQDN]), [
    ['*inet:fqdn', 'vertex.link'],
    ['*zone', 'vertex.link'],
    ['_first', 1],
    ['domain', 'link'],
  ])
  assert.equal(translated.translate(node, 0, null), null)
  assert.deepEqual(
    nodeRows(translated, node).map((row) => row.split(' ').slice(0, 2).join(' ')),
    ['0 inet:fqdn', '1 _first', '1 domain', '1 zone'],
  )
})

test('NodeTranslator refuses a node that has a property twice, as a second form row and as itself', () => {
  const translated = translator()
  const node = sourceNode(buid([...FQDN]), [
    ['*inet:fqdn', 'vertex.link'],
    ['*zone', 'vertex.link'],
    ['zone', 'vertex.link'],
  ])
  const outcome = translated.translate(node, 0, null)
  assert.equal(outcome?.kept, false)
  assert.match(outcome?.failure.mesg ?? '', /^Two values of property \*?zone of b'/)
  assert.deepEqual(collected(translated), empty)
})

test('NodeTranslator keeps what rc18 norms in another way when the buid proves it (D24)', () => {
  for (const [form, valu, kept] of [
    // The reference excuses hosts.
    ['inet:server', `host://${'a'.repeat(32)}:80`, 0],
    ['geo:nloc', [['inet:fqdn', 'vertex.link'], [new Float(10), new Float(-180)], 5], 1],
    ['inet:fqdn', 'vertex.link', 0],
  ] as const) {
    const translated = translator()
    const node = sourceNode(buid([form, valu as Value]), [[`*${form}`, valu as Value]])
    assert.equal(translated.translate(node, 0, null), null, form)
    assert.equal(translated.keptValues, kept, form)
    translated.reset()
    assert.equal(translated.keptValues, 0)
  }
})

test('NodeTranslator keeps a host under the buid of its norm, as 0.1.58 stores those that an edge names (D24)', () => {
  // From a 0.1.58 Cortex: [ edge:refs=((inet:fqdn, a.com), (inet:client, "host://baz")) ] makes the client so.
  for (const [form, valu] of [
    ['inet:client', 'host://2b83661d92762f39c7373be666b96254'],
    ['inet:server', 'host://1d14f7b278f1698491f8110c16220fbf:1'],
    ['inet:banner', ['host://16bee5d2972d36cea7a9e60dacb051fc:80', 'hehe']],
  ] as const) {
    const normed = Model.core()
      .forms.get(form)
      ?.type.norm(valu as Value).valu as Value
    const node = sourceNode(buid([form, normed]), [[`*${form}`, valu as Value]])
    const translated = translator()
    assert.equal(translated.translate(node, 0, null), null, form)
    assert.equal(nodeRows(translated, node).length, 1)
    assert.equal(translated.keptValues, 1)
  }
  const other = sourceNode(buid(['inet:fqdn', 'vertex.link']), [['*inet:fqdn', 'VERTEX.link']])
  assert.equal(translator().translate(other, 0, null)?.failure.code, 'BUID')
  const wrong = sourceNode(buid(['inet:client', 'x']), [['*inet:client', 'host://2b83661d92762f39c7373be666b96254']])
  assert.equal(translator().translate(wrong, 0, null)?.failure.code, 'BUID')
})

test('NodeTranslator goes on after a refused node as if it had not been', () => {
  const good = (n: number): SourceNode => {
    const valu = `n${n}.com`
    return sourceNode(buid(['inet:fqdn', valu]), [
      ['*inet:fqdn', valu],
      ['#foo', [null, null]],
      ['#foo:score', n],
    ])
  }
  const bad = sourceNode(buid([...FQDN]), [
    ['*inet:fqdn', 'vertex.link'],
    ['#foo', [null, null]],
    ['#foo:score', 5],
    ['.created', 'x'],
    ['zone', 'vertex.link'],
  ])
  const [calm, disturbed] = [translator(), translator()]
  for (let n = 0; n < 10; n++) {
    assert.equal(calm.translate(good(n), n, null), null)
    assert.equal(disturbed.translate(bad, n, null)?.kept, false)
    assert.equal(disturbed.translate(good(n), n, null), null)
  }
  assert.deepEqual(collected(disturbed), collected(calm))
})
