import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { buid } from '../../src/bytes/hash.js'
import { decode, Ext, encode, Float, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { Model } from '../../src/model/model.js'
import type { SpliceFailure } from '../../src/translate/splice-sink.js'
import { type SpliceOptions, SpliceTranslator } from '../../src/translate/splices.js'
import type { StortypeSource } from '../../src/translate/stortypes.js'
import { namesOfToday } from '../../src/upgrade/today.js'

interface Fixture {
  readonly forms: Record<string, number>
  readonly props: Record<string, Record<string, number>>
  readonly tagprops: Record<string, number>
  readonly layers: { readonly splices: string[]; readonly rows: string[] }[]
}

const fixture: Fixture = JSON.parse(readFileSync('test/fixtures/splices/splices.json', 'utf8'))
const real: StortypeSource = {
  formStortype: (form) => fixture.forms[form],
  propStortype: (form, prop) => fixture.props[form]?.[prop],
  tagPropStortype: (prop) => fixture.tagprops[prop],
}
const model: StortypeSource = {
  formStortype: (form) => ({ 'inet:fqdn': 17, 'inet:ipv4': 4, data: 13 })[form],
  propStortype: (_form, prop) => ({ asn: 9, zone: 17, '.seen': 12, '.created': 11, names: 0x8001, data: 13 })[prop],
  tagPropStortype: (prop) => ({ risk: 9 })[prop],
}

interface Row {
  readonly hex: string
  readonly edits: Value[]
  readonly meta: [Value, Value][]
  readonly offsets: [number, number]
  readonly splices: number
}

function translator(stortypes: StortypeSource, options?: SpliceOptions) {
  const rows: Row[] = []
  const failures: SpliceFailure[] = []
  const made = new SpliceTranslator(
    stortypes,
    {
      nodeEdit: ({ buf, rowStart, editStart, metaStart, end, firstOffset, lastOffset, splices }) => {
        const row = Buffer.from(buf.subarray(rowStart, end))
        const edit = decode(buf, editStart, metaStart) as Value[]
        const meta = decode(buf, metaStart, end) as PackMap
        assert.deepEqual(decode(row), [[edit], meta])
        rows.push({
          hex: row.toString('hex'),
          edits: edit[2] as Value[],
          meta: meta.entries,
          offsets: [firstOffset, lastOffset],
          splices,
        })
      },
      failure: (failure) => failures.push(failure),
    },
    options,
  )
  return { made, rows, failures }
}

function translate(splices: readonly (Value | Uint8Array)[], options?: SpliceOptions, stortypes = model) {
  const { made, rows, failures } = translator(stortypes, options)
  splices.forEach((splice, offset) => {
    const raw = splice instanceof Uint8Array ? splice : encode(splice)
    made.add(offset, raw, 0, raw.length)
  })
  made.flush()
  return { rows, failures }
}

function splice(
  type: string,
  ndef: Value,
  info: Record<string, Value> = {},
  meta: Record<string, Value> = META,
): Value[] {
  return [type, new PackMap(Object.entries({ ndef, ...info, ...meta }))]
}

const META = { time: 5, user: 'bobo', prov: 'p1' }
const VERTEX = ['inet:fqdn', 'vertex.link']
const WOOT = ['inet:fqdn', 'woot.com']

test("SpliceTranslator writes the reference's rows when cut where its queue ran dry", () => {
  for (const { splices, rows: expected } of fixture.layers) {
    const { made, rows } = translator(real)
    splices.forEach((hex, i) => {
      // D10: the reference cuts at every tenth splice and never writes the last group.
      if (i % 10 === 9 || i === splices.length - 1) made.flush()
      const raw = Buffer.from(hex, 'hex')
      made.add(i, raw, 0, raw.length)
    })
    assert.ok(expected.length > 100)
    assert.deepEqual(
      rows.map((row) => row.hex),
      expected,
    )
  }
})

test('SpliceTranslator puts every splice into one row or failure, in order', () => {
  for (const { splices } of fixture.layers) {
    const raw = splices.map((hex) => Buffer.from(hex, 'hex'))
    const { rows, failures } = translate(raw, {}, real)
    assert.equal(rows.reduce((sum, row) => sum + row.splices, 0) + failures.length, splices.length)
    assert.ok(rows.every((row) => row.edits.length === row.splices))
    for (let i = 1; i < rows.length; i++) assert.ok(rows[i].offsets[0] > rows[i - 1].offsets[1])
  }
})

test('SpliceTranslator finds the same groups from any offset on', () => {
  for (const { splices } of fixture.layers) {
    const raw = splices.map((hex) => Buffer.from(hex, 'hex'))
    const { rows: all } = translate(raw, {}, real)
    for (let start = 1; start < raw.length; start += 7) {
      const { made, rows } = translator(real)
      made.pass(start - 1, raw[start - 1], 0, raw[start - 1].length)
      let at = start
      while (at < raw.length && made.pass(at, raw[at], 0, raw[at].length)) at++
      for (; at < raw.length; at++) made.add(at, raw[at], 0, raw[at].length)
      made.flush()
      assert.deepEqual(
        rows.map((row) => row.hex),
        all.filter((row) => row.offsets[0] >= start).map((row) => row.hex),
      )
    }
  }
})

test('SpliceTranslator makes the eight kinds of edits', () => {
  const info = { tag: 'foo', prop: 'risk' }
  const { rows, failures } = translate([
    splice('node:add', VERTEX),
    splice('prop:set', VERTEX, { prop: 'asn', valu: 7, oldv: 6 }),
    splice('prop:del', VERTEX, { prop: '.seen', valu: [1, 2] }),
    splice('tag:add', VERTEX, { tag: 'foo', valu: [1, 2], oldv: [null, null] }),
    splice('tag:add', VERTEX, { tag: 'foo', valu: [null, null] }),
    splice('tag:del', VERTEX, { tag: 'foo', valu: [1, 2] }),
    splice('tag:prop:set', VERTEX, { ...info, valu: 5, curv: 4 }),
    splice('tag:prop:del', VERTEX, { ...info, valu: 5 }),
    splice('node:del', VERTEX),
  ])
  assert.equal(failures.length, 0)
  assert.equal(rows.length, 1)
  assert.deepEqual(rows[0].edits, [
    [0, ['vertex.link', 17], []],
    [2, ['asn', 7, null, 9], []],
    [3, ['.seen', [1, 2], 12], []],
    [4, ['foo', [1, 2], [null, null]], []],
    [4, ['foo', [null, null], null], []],
    [5, ['foo', [1, 2]], []],
    [6, ['foo', 'risk', 5, 4, 9], []],
    [7, ['foo', 'risk', 5, 9], []],
    [1, ['vertex.link', 17], []],
  ])
  assert.deepEqual(rows[0].meta, [
    ['time', 5],
    ['user', 'bobo'],
    ['prov', 'p1'],
  ])
  const row = decode(Buffer.from(rows[0].hex, 'hex')) as Value[][][]
  assert.deepEqual(Buffer.from(row[0][0][0] as unknown as Uint8Array), Buffer.from(buid(VERTEX)))
})

test('SpliceTranslator passes values through that JavaScript could confuse', () => {
  const values: Value[] = [
    new Float(1),
    2n ** 63n,
    -(2n ** 63n),
    '\ud83d',
    new Uint8Array([1, 2]),
    new Ext(5, Uint8Array.of(1)),
    '',
  ]
  const { rows } = translate(values.map((valu) => splice('prop:set', VERTEX, { prop: 'names', valu })))
  const edits = values.map((valu) => [2, ['names', valu, null, 0x8001], []])
  assert.equal(Buffer.from(encode(rows[0].edits)).toString('hex'), Buffer.from(encode(edits)).toString('hex'))
})

test('SpliceTranslator counts edits past the short array heads', () => {
  for (const count of [15, 16, 65_535, 65_536]) {
    const { rows } = translate(Array.from({ length: count }, () => splice('node:add', VERTEX)))
    assert.equal(rows.length, 1)
    assert.equal(rows[0].edits.length, count)
  }
})

test('SpliceTranslator ends a group at another ndef or prov, but not behind a splice without prov', () => {
  const withProv = (prov?: Value) =>
    splice('node:add', VERTEX, {}, prov === undefined ? { time: 1 } : { time: 1, prov })
  const sizes = (...splices: Value[]) => translate(splices).rows.map((row) => row.splices)
  assert.deepEqual(sizes(withProv('a'), withProv('a'), withProv('b')), [2, 1])
  assert.deepEqual(sizes(withProv(), withProv('a'), withProv('b')), [2, 1])
  assert.deepEqual(sizes(withProv(null), withProv('a')), [2])
  assert.deepEqual(sizes(withProv('a'), withProv()), [1, 1])
  assert.deepEqual(sizes(splice('node:add', VERTEX), splice('node:add', WOOT), splice('node:add', VERTEX)), [1, 1, 1])
  assert.deepEqual(sizes(splice('node:add', ['inet:ipv4', 1]), splice('node:add', ['inet:ipv4', new Float(1)])), [1, 1])
  assert.deepEqual(
    sizes(splice('node:add', VERTEX), splice('node:del', VERTEX, {}, { ...META, time: 6, user: 'x' })),
    [2],
  )
})

test('SpliceTranslator keeps the order of nodes whose splices are not adjacent', () => {
  const { rows } = translate([
    splice('node:add', VERTEX),
    splice('node:add', WOOT),
    splice('prop:set', VERTEX, { prop: '.created', valu: 1 }),
    splice('prop:set', VERTEX, { prop: 'asn', valu: 2 }),
    splice('prop:set', WOOT, { prop: '.created', valu: 3 }),
  ])
  assert.deepEqual(
    rows.map(({ edits }) => edits.map((edit) => (edit as Value[][])[1][1])),
    [[17], [17], [1, 2], [3]],
  )
  assert.deepEqual(
    rows.map(({ offsets }) => offsets),
    [
      [0, 0],
      [1, 1],
      [2, 3],
      [4, 4],
    ],
  )
})

test('SpliceTranslator ends a group where an offset is missing', () => {
  const { made, rows } = translator(model)
  const raw = encode(splice('node:add', VERTEX))
  for (const offset of [0, 1, 3, 4]) made.add(offset, raw, 0, raw.length)
  made.flush()
  assert.deepEqual(
    rows.map((row) => row.offsets),
    [
      [0, 1],
      [3, 4],
    ],
  )
})

test('SpliceTranslator takes the meta of the first splice in its own key order, absent keys left out', () => {
  const meta = (...entries: [string, Value][]) => {
    const { rows } = translate([['node:add', new PackMap([...entries, ['ndef', VERTEX]])]])
    return rows[0].meta
  }
  assert.deepEqual(meta(['prov', 'p'], ['x', 1], ['time', 1], ['user', 'u']), [
    ['prov', 'p'],
    ['time', 1],
    ['user', 'u'],
  ])
  assert.deepEqual(meta(['user', 'u']), [['user', 'u']])
  assert.deepEqual(meta(), [])
  assert.deepEqual(meta(['prov', null]), [['prov', null]])
  const { rows } = translate([
    splice('prop:set', VERTEX, { prop: 'nope', valu: 1 }, { ...META, time: 1 }),
    splice('prop:set', VERTEX, { prop: 'asn', valu: 1 }, { ...META, time: 2 }),
    splice('prop:set', VERTEX, { prop: 'asn', valu: 2 }, { ...META, time: 3 }),
  ])
  assert.deepEqual(rows[0].meta[0], ['time', 2])
})

test('SpliceTranslator drops only the splice that cannot be translated', () => {
  const bad = splice('prop:set', VERTEX, { prop: 'nope', valu: 1 })
  const { rows, failures } = translate([
    splice('node:add', VERTEX),
    bad,
    splice('prop:set', VERTEX, { prop: 'asn', valu: 1 }),
    splice('node:add', ['nope:x', 1]),
    splice('tag:add', ['nope:x', 1], { tag: 'foo', valu: [null, null] }),
    splice('node:add', ['seen', ['x', 'y']]),
    splice('prop:set', VERTEX, { prop: 'expires', valu: 1 }),
    splice('tag:prop:set', VERTEX, { tag: 'foo', prop: 'nope', valu: 1 }),
    splice('foo:bar', VERTEX),
  ])
  assert.deepEqual(
    rows.map((row) => [row.offsets, row.splices]),
    [[[0, 2], 2]],
  )
  assert.deepEqual(Buffer.from(failures[0].splice), Buffer.from(encode(bad)))
  assert.deepEqual(
    failures.map(({ offset, code, message, oldModel }) => [offset, code, message, oldModel]),
    [
      [1, 'STORTYPE', 'Unable to determine stortype type for prop inet:fqdn:nope', false],
      [3, 'FORM', 'Unable to determine stortype type for form nope:x', false],
      [4, 'FORM', 'Unable to determine stortype type for form nope:x', false],
      [5, 'FORM', 'Unable to determine stortype type for form seen from an older modelrev', true],
      [6, 'STORTYPE', 'Unable to determine stortype type for prop inet:fqdn:expires from an older modelrev', true],
      [7, 'STORTYPE', 'Unable to determine stortype type for tag prop foo:nope', false],
      [8, 'EDIT', 'Unrecognized splice edit', false],
    ],
  )
})

test('SpliceTranslator reports what is no splice and goes on', () => {
  const good = splice('node:add', VERTEX)
  const raw = encode(good)
  const odd: (Value | Uint8Array)[] = [
    raw.subarray(0, raw.length - 5),
    Buffer.concat([raw, Uint8Array.of(1)]),
    new Uint8Array(0),
    Uint8Array.of(0xc1),
    5,
    ['node:add'],
    ['node:add', 5],
    ['node:add', new PackMap([['time', 1]])],
    splice('node:add', 'bar'),
    splice('node:add', [5, 5]),
    splice('node:add', ['inet:fqdn']),
    [
      'node:add',
      new PackMap([
        ['ndef', VERTEX],
        [Buffer.from('x'), 1],
      ]),
      1,
    ],
  ]
  const { rows, failures } = translate(odd.flatMap((item) => [good, item, good]))
  const unreadable = odd.length - 1
  assert.equal(failures.length, unreadable)
  assert.ok(failures.every(({ code, offset }) => code === 'ROW' && offset % 3 === 1))
  assert.equal(
    rows.reduce((sum, row) => sum + row.splices, 0),
    3 * odd.length - unreadable,
  )
})

test('SpliceTranslator refuses a value that no layer can store', () => {
  const { rows, failures } = translate([
    splice('prop:set', VERTEX, { prop: 'asn', valu: null }),
    splice('prop:set', VERTEX, { prop: 'asn' }),
    splice('prop:set', VERTEX, { valu: 1 }),
    splice('prop:set', VERTEX, { prop: 5, valu: 1 }),
    splice('tag:add', VERTEX, { tag: 'foo', valu: null }),
    splice('tag:add', VERTEX, { valu: [null, null] }),
    splice('tag:prop:set', VERTEX, { tag: 'foo', prop: 'risk', valu: null }),
    splice('prop:set', VERTEX, { prop: 'data', valu: null }),
    splice('prop:del', VERTEX, { prop: 'asn' }),
    splice('tag:del', VERTEX, { tag: 'foo' }),
  ])
  assert.deepEqual(
    failures.map(({ offset, code }) => [offset, code]),
    ['NULL', 'EDIT', 'EDIT', 'EDIT', 'EDIT', 'EDIT', 'NULL'].map((code, offset) => [offset, code]),
  )
  assert.deepEqual(rows[0].edits, [
    [2, ['data', null, null, 13], []],
    [3, ['asn', null, 9], []],
    [5, ['foo', null], []],
  ])
})

test('SpliceTranslator deletes the tag props of a deleted tag when asked to', () => {
  const tagProps = () => [['risk', 9] as const, ['when', 11] as const]
  const { rows } = translate([splice('tag:del', VERTEX, { tag: 'foo', valu: [1, 2] })], { tagProps })
  assert.deepEqual(rows[0].edits, [
    [7, ['foo', 'risk', null, 9], []],
    [7, ['foo', 'when', null, 11], []],
    [5, ['foo', [1, 2]], []],
  ])
  assert.equal(rows[0].splices, 1)
})

test('SpliceTranslator asks again after modelChanged()', () => {
  const known = new Map<string, number>()
  const { made, rows, failures } = translator({
    formStortype: (form) => known.get(form),
    propStortype: (_form, prop) => known.get(prop),
    tagPropStortype: () => undefined,
  })
  const raw = encode(splice('prop:set', VERTEX, { prop: '_ext', valu: 1 }))
  const codes = () => failures.map(({ code }) => code)
  made.add(0, raw, 0, raw.length)
  known.set('inet:fqdn', 17)
  made.add(1, raw, 0, raw.length)
  made.modelChanged()
  made.add(2, raw, 0, raw.length)
  assert.deepEqual(codes(), ['FORM', 'FORM', 'STORTYPE'])
  known.set('_ext', 9)
  made.modelChanged()
  made.add(3, raw, 0, raw.length)
  made.flush()
  assert.equal(rows.length, 1)
})

test('SpliceTranslator makes edits of today of splices in the names of older models', () => {
  const core = Model.core()
  const today: StortypeSource = {
    formStortype: (form) => core.forms.get(form)?.stortype,
    propStortype: (form, prop) => core.forms.get(form)?.props.get(prop)?.stortype,
    tagPropStortype: () => undefined,
    names: namesOfToday(core),
  }
  const guid = 'a'.repeat(32)
  const edge: Value = [
    'refs',
    [
      ['source', guid],
      ['inet:fqdn', 'a.b'],
    ],
  ]
  const edgeNow: Value = [
    'edge:refs',
    [
      ['meta:source', guid],
      ['inet:fqdn', 'a.b'],
    ],
  ]
  const { rows, failures } = translate(
    [
      splice('node:add', edge),
      splice('prop:set', edge, { prop: 'n1', valu: ['source', guid], oldv: null }),
      splice('prop:set', edge, { prop: 'n1:form', valu: 'source', oldv: null }),
      splice('tag:add', edge, { tag: 'foo', valu: [null, null] }),
      splice('prop:set', ['ou:org', guid], { prop: 'disolved', valu: 5, oldv: null }),
      splice('prop:del', ['ou:org', guid], { prop: 'disolved', valu: 5 }),
      splice('prop:set', ['ou:org', guid], { prop: 'nosuch', valu: 5, oldv: null }),
    ],
    {},
    today,
  )
  assert.deepEqual(
    rows.map(({ edits, splices }) => [splices, edits.map((edit) => (edit as Value[]).slice(0, 2))]),
    [
      [4, [[0, [edgeNow[1], 13]], [2, ['n1', ['meta:source', guid], null, 13]], [2, ['n1:form', 'meta:source', null, 1]], [4, ['foo', [null, null], null]]]],
      [2, [[2, ['dissolved', 5, null, 11]], [3, ['dissolved', 5, 11]]]],
    ],
  ) // biome-ignore format: a row each
  const nodeBuids = rows.map(
    ({ hex }) => (((decode(Buffer.from(hex, 'hex')) as Value[])[0] as Value[])[0] as Value[])[0],
  )
  assert.deepEqual(
    nodeBuids.map((found) => Buffer.from(found as Uint8Array)),
    [buid(edgeNow), buid(['ou:org', guid])].map((bytes) => Buffer.from(bytes)),
  )
  assert.deepEqual(
    failures.map(({ code }) => code),
    ['STORTYPE'],
  )
})
