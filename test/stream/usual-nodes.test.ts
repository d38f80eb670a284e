import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { BUID_BYTES } from '../../src/bytes/buid.js'
import { buid } from '../../src/bytes/hash.js'
import { encode, Float, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { MigrationError } from '../../src/errors.js'
import type { KernelIndexRows } from '../../src/kernel/index-rows.js'
import { NODE_INDEX_DBS, perDb } from '../../src/layout/dest-dbs.js'
import { Model } from '../../src/model/model.js'
import { LeafBuilder } from '../../src/page/leaf-builder.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { type NodeSource, NodeStream } from '../../src/stream/node-stream.js'
import type { IndexRows } from '../../src/translate/index-rows.js'
import { NodeTranslator } from '../../src/translate/node.js'
import { buildSlab, type Row, sorted } from '../page/built-slab.js'
import { tempDir, unpack } from '../support/cortex.js'
import { randomOf } from '../support/random.js'

const LAYER = 'l'.repeat(32)

type Random = (bound: number) => number

/** The rows of a layer, some of them changed, and node data of some nodes and of none. */
function oddRows(nodes: readonly (readonly Row[])[], random: Random): { rows: Row[]; data: Row[] } {
  const rows = nodes.flatMap((node) => (random(5) === 0 ? changed(node, random) : node))
  const names = ['note', 'n'.repeat(470), '', Buffer.from([0xff])]
  const dataOf = (key: Uint8Array): Row => ({
    key: Buffer.concat([
      key.subarray(0, random(12) === 0 ? 31 : BUID_BYTES),
      Buffer.from(names[random(3) === 0 ? random(4) : 0] as string),
    ]),
    value: random(10) === 0 ? Buffer.from([0x92, 1]) : encode(`${random(1000)}`),
  })
  const data = nodes.flatMap(([{ key }]) => Array.from({ length: Math.max(0, random(23) - 19) }, () => dataOf(key)))
  // Of each node with a form only, as its last row is for its node data.
  const bare = nodes.filter(({ length }) => length === 1).map(([{ key }]) => dataOf(key))
  return { rows: stored(rows), data: stored([...data, ...bare, dataOf(buid(`nobody ${random(100)}`))]) }
}

function stored(rows: readonly Row[]): Row[] {
  const byKey = new Map(rows.map((row) => [Buffer.from(row.key).toString('hex'), row]))
  return sorted([...byKey.values()]).filter(({ key }) => key.length > 0 && key.length <= 511)
}

const VALUES: readonly Value[] = [
  null,
  0,
  -1,
  2 ** 40,
  2n ** 63n,
  new Float(Number.NaN),
  new Float(1.5),
  true,
  '',
  'a',
  'ü'.repeat(40),
  '\ud800',
  'x'.repeat(300),
  'y'.repeat(3000),
  Buffer.from([1, 2]),
  [1, 2],
  ['a', 'b', 'a'],
  [null, null],
  new PackMap([[1, 'one']]),
]

function changed(node: readonly Row[], random: Random): Row[] {
  const { key, value } = node[random(node.length)]
  const of = key.subarray(0, BUID_BYTES)
  const others = node.filter((row) => row.key !== key)
  const named = (name: string | Uint8Array, valu: Value) => ({
    key: Buffer.concat([of, Buffer.from(name as string)]),
    value: encode([valu, Buffer.from('index')]),
  })
  const valu = VALUES[random(VALUES.length)]
  switch (random(9)) {
    case 0:
      return others
    case 1:
      return [...others, { key, value: encode([valu, null]) }]
    case 2:
      return [...node, named(['#one', '#one.two', '#', '#ü'][random(4)], [valu, valu])]
    case 3:
      return [...node, named(['#one:score', '#one:note', '#one:none', '#one:a:b', '#:score'][random(5)], valu)]
    case 4:
      return [...node, named(['.seen', '.created', '.none', 'none', '*inet:fqdn', '*none'][random(6)], valu)]
    case 5:
      return [...node, named(Buffer.from([0x61, 0xff]), valu)]
    case 6: {
      const cut = Buffer.from(value)
      cut[random(cut.length)] ^= 1 << random(8)
      return [...others, { key, value: cut }]
    }
    case 7:
      return [...node, { key: of.subarray(0, 31), value }, named('', valu)]
    default:
      return [...node, named('z'.repeat(random(470)), valu)]
  }
}

interface Pass {
  /** Digest of the pages, and where the leaves are. */
  readonly pages: string
  readonly summary: unknown
  readonly index: readonly unknown[]
  readonly nodes: readonly string[]
  readonly counts: unknown
  readonly taken: number
  /** Nodes whose node data only is not the kernel's. */
  readonly shared: number
}

/** Reads the partitions of a layer; with the kernel, or each node in JavaScript. */
function read(source: NodeSource, borders: readonly Uint8Array[], isUsual: boolean): Pass {
  const model = Model.fromJSON(source.model)
  const translator = new NodeTranslator(model, { checks: source.checks, layer: LAYER })
  const pages = createHash('sha256')
  const nodes: string[] = []
  const builder = new LeafBuilder({
    dupSort: false,
    emit: ({ bytes }) => pages.update(bytes),
  })
  const short = (step: string, key: Uint8Array) => nodes.push(`short ${step} ${Buffer.from(key).toString('hex')}`)
  const stream = new NodeStream(source, translator, short, isUsual ? builder : null)
  const { usual } = stream
  const index: unknown[] = []
  let count = 0
  let taken = 0
  let shared = 0
  let typed = 0
  const forms = new Map<string, number>()
  const [first, ...others] = [...borders, null]
  const readAll = () => {
    while (stream.next()) {
      if (stream.hasNode && stream.usualNode === null) count++
      if (stream.usualNode === null) taken++
      else shared++
      const { outcome, claimed, dataCount, lostData } = stream
      const of = Buffer.from(stream.buid).toString('hex')
      if (outcome !== null || dataCount > 0 || lostData.length > 0 || !stream.hasNode)
        nodes.push(`${of} ${outcome?.failure.code} ${outcome?.failure.mesg} ${claimed} ${dataCount} ${lostData.length}`)
      stream.writeRows(builder)
    }
    usual?.keepIndexRows()
    const rows: Readonly<Record<string, IndexRows | KernelIndexRows>> =
      usual === null ? translator.indexes : perDb(NODE_INDEX_DBS, (db) => usual.indexes[db].look())
    const buids = usual === null ? stream.buids : usual.buids()
    index.push(perDb(NODE_INDEX_DBS, (db) => texts(translator, db, rows[db], buids)))
    const found = usual?.takeCounts()
    count += found?.nodes ?? 0
    typed += found?.typed ?? 0
    for (const [form, more] of found?.forms ?? []) forms.set(form, more + (forms.get(form) ?? 0))
    usual?.nextRun()
    translator.nextRun()
  }
  stream.seek(null, first)
  readAll()
  for (const border of others) {
    stream.goOn(border)
    readAll()
  }
  for (const [form, more] of translator.formCounts) forms.set(form, more + (forms.get(form) ?? 0))
  const counts = {
    count,
    rows: stream.nodeRows.rows,
    data: stream.dataRows.rows,
    typed: typed + translator.typedTagProps,
    kept: translator.keptValues,
    forms: [...forms].sort(),
    last: Buffer.from(stream.lastBuid() ?? []).toString('hex'),
    unresolved: stream.unresolved.map((one) => Buffer.from(one).toString('hex')),
  }
  const summary = builder.finish()
  // Where short keys come does not matter: all become records under their keys.
  return { pages: pages.digest('hex'), summary, index, nodes: nodes.sort(), counts, taken, shared }
}

function texts(
  translator: NodeTranslator,
  db: (typeof NODE_INDEX_DBS)[number],
  rows: IndexRows | KernelIndexRows,
  buids: Uint8Array,
) {
  return Array.from({ length: rows.count }, (_, i) => {
    const names = translator.plans.groupNames(db, rows.groups[i]).map(({ name }) => Buffer.from(name).toString('hex'))
    const bytes = rows.bytes.subarray(rows.starts[i], rows.starts[i] + rows.lengths[i])
    const at = rows.owners[i] * BUID_BYTES
    const of = Buffer.from(buids.subarray(at, at + BUID_BYTES)).toString('hex')
    return `${names} ${bytes.toString('hex')} ${of}`
  })
}

function nodesOf(slabPath: string): Row[][] {
  const slab = SlabReader.open(slabPath)
  const nodes = new Map<string, Row[]>()
  for (const row of slab.db('bybuid')?.rows() ?? []) {
    const of = Buffer.from(row.key.subarray(0, BUID_BYTES)).toString('hex')
    nodes.set(of, [...(nodes.get(of) ?? []), row])
  }
  slab.close()
  return [...nodes.values()]
}

function sourceOf(dir: string, checks: boolean): NodeSource {
  const model = Model.core()
  model.addTagProp('score', ['int', {}])
  model.addTagProp('note', ['str', {}])
  return {
    layer: LAYER,
    layerPath: join(dir, 'layer.lmdb'),
    nodedataPath: join(dir, 'nodedata.lmdb'),
    otherLayerPaths: [],
    knownForms: [],
    checks,
    mapPartial: true,
    isLayerMissing: false,
    model: model.toJSON(),
  }
}

test('the kernel makes of usual nodes the rows that JavaScript makes, and leaves the others to it', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const nodes = readdirSync(join(src, 'layers')).flatMap((iden) => nodesOf(join(src, 'layers', iden, 'layer.lmdb')))
  let sharedNodes = 0
  for (let seed = 0; seed < Number(process.env.NODE_SEEDS ?? 12); seed++) {
    const random = randomOf(seed)
    const at = join(dir, `${seed}`)
    mkdirSync(at)
    const { rows, data } = oddRows(nodes, random)
    const fill = 0.2 + random(8) / 10
    buildSlab(join(at, 'layer.lmdb'), { bybuid: { dupSort: false, rows } }, { fill })
    buildSlab(join(at, 'nodedata.lmdb'), { bybuid: { dupSort: false, rows: data } })
    const borders = Array.from({ length: random(4) }, () => rows[random(rows.length)].key.subarray(0, BUID_BYTES))
    borders.sort(Buffer.compare)
    const source = sourceOf(at, random(4) > 0)
    const [{ taken, shared, ...usual }, { taken: all, shared: _, ...plain }] = [
      read(source, borders, true),
      read(source, borders, false),
    ]
    sharedNodes += shared
    assert.deepEqual(usual, plain, `seed ${seed}`)
    assert.ok(taken < 0.6 * all, `seed ${seed}: the kernel left ${taken} of ${all} nodes`)
  }
  assert.ok(sharedNodes > 0)
})

test('a node may go over the ends of windows of pages', (t) => {
  const dir = tempDir(t)
  const value = (size: number) => encode(['v'.repeat(size), null])
  const rows = Array.from({ length: 40 }, (_, i) => {
    const of = buid(['test', `node ${i}`])
    const row = (name: string, size: number): Row => ({
      key: Buffer.concat([of, Buffer.from(name)]),
      value: value(size),
    })
    return [row('*inet:fqdn', 5), ...Array.from({ length: 300 }, (_, tag) => row(`#tag${tag}`, 900))]
  })
  buildSlab(join(dir, 'layer.lmdb'), { bybuid: { dupSort: false, rows: sorted(rows.flat()) } })
  buildSlab(join(dir, 'nodedata.lmdb'), { bybuid: { dupSort: false, rows: [] } })
  const source = sourceOf(dir, false)
  const [{ taken, ...usual }, { taken: all, ...plain }] = [read(source, [], true), read(source, [], false)]
  assert.deepEqual(usual, plain)
  assert.deepEqual([taken, all], [0, 40])
})

test('the kernel leaves nodes whose big values are more than 1 MiB in total', (t) => {
  const dir = tempDir(t)
  const most = 1 << 20
  const sizes = [[most], [most + 1], [most / 2, most / 2], [most / 2, most / 2 + 1], Array<number>(40).fill(most / 20)]
  const rows = sizes.flatMap((ofNode, i) => {
    const valu = `${i}.test`
    const of = buid(['inet:fqdn', valu])
    const row = (name: string, value: Uint8Array): Row => ({ key: Buffer.concat([of, Buffer.from(name)]), value })
    const form = row('*inet:fqdn', encode([valu, null]))
    // A value of this size in all: what is not text has 7 bytes.
    return [form, ...ofNode.map((size, tag) => row(`#t${tag}:note`, encode(['v'.repeat(size - 7), null])))]
  })
  buildSlab(join(dir, 'layer.lmdb'), { bybuid: { dupSort: false, rows: sorted(rows) } })
  buildSlab(join(dir, 'nodedata.lmdb'), { bybuid: { dupSort: false, rows: [] } })
  const source = sourceOf(dir, true)
  const [{ taken, ...usual }, { taken: all, ...plain }] = [read(source, [], true), read(source, [], false)]
  assert.deepEqual(usual, plain)
  assert.deepEqual([taken, all], [3, 5])
})

test('rows that are out of order end the task with the error that JavaScript gives', (t) => {
  const dir = tempDir(t)
  const of = (i: number) => Buffer.alloc(BUID_BYTES, i)
  const row = (i: number): Row => ({ key: Buffer.concat([of(i), Buffer.from('*test')]), value: encode(['x', null]) })
  buildSlab(join(dir, 'nodedata.lmdb'), { bybuid: { dupSort: false, rows: [] } })
  buildSlab(join(dir, 'layer.lmdb'), { bybuid: { dupSort: false, rows: [1, 2, 3, 4].map(row) } })
  swapNodes(join(dir, 'layer.lmdb'), of(2), of(3))
  const source = sourceOf(dir, false)
  const errors = [true, false].map((isUsual) => {
    try {
      read(source, [], isUsual)
      return null
    } catch (err) {
      assert.ok(err instanceof MigrationError)
      return [err.code, err.message]
    }
  })
  assert.match(`${errors[0]?.[1]}`, /its keys are out of order/)
  assert.deepEqual(errors[0], errors[1])
})

test('damaged pages give what they give in JavaScript: the same rows, or an error', (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const [iden] = readdirSync(join(src, 'layers'))
  const rows = nodesOf(join(src, 'layers', iden, 'layer.lmdb')).flat()
  const errors = new Set<string>()
  for (let seed = 0; seed < Number(process.env.NODE_SEEDS ?? 30); seed++) {
    const random = randomOf(seed)
    // A thread keeps slabs open by their paths.
    const at = join(dir, `${seed}`)
    mkdirSync(at)
    buildSlab(join(at, 'nodedata.lmdb'), { bybuid: { dupSort: false, rows: [] } })
    buildSlab(join(at, 'layer.lmdb'), { bybuid: { dupSort: false, rows } })
    damage(join(at, 'layer.lmdb', 'data.mdb'), random)
    const source = sourceOf(at, seed % 2 === 0)
    let severalValues = false
    const [usual, plain] = [true, false].map((isUsual) => {
      try {
        const { taken, ...found } = read(source, [], isUsual)
        return found
      } catch (err) {
        if (!(err instanceof MigrationError)) throw err
        errors.add(err.message.replace(/.*": |\d+/g, ''))
        severalValues ||= err.message.endsWith('a key has several values')
        // Which one of several faults is met first may differ.
        return err.code
      }
    })
    // JavaScript reads several values of a key as rows, and the kernel refuses them: no layer has such.
    if (!severalValues) assert.deepEqual(usual, plain, `seed ${seed}`)
    rmSync(at, { recursive: true })
  }
  assert.ok(errors.size > 3, `only ${[...errors]}`)
})

/** Changes some bytes, mostly of page headers and heads of nodes. */
function damage(file: string, random: Random): void {
  const bytes = readFileSync(file)
  const pages = bytes.length / 4096 - 2
  for (let left = 1 + random(2); left > 0; left--) {
    const page = 4096 * (2 + random(pages))
    const nodes = Math.max(1, (bytes.readUInt16LE(page + 12) - 16) >> 1)
    const node = bytes.readUInt16LE(page + 16 + 2 * random(nodes)) % 4088
    const at = [8 + random(8), 16 + random(2 * nodes), node + random(8), node + 8 + random(40)][random(4)]
    bytes[(page + at) % bytes.length] ^= 1 << random(8)
  }
  writeFileSync(file, bytes)
}

/** Exchanges the buids of two nodes in the file. */
function swapNodes(slabPath: string, one: Buffer, other: Buffer): void {
  const file = join(slabPath, 'data.mdb')
  const bytes = readFileSync(file)
  const [a, b] = [bytes.indexOf(one), bytes.indexOf(other)]
  other.copy(bytes, a)
  one.copy(bytes, b)
  writeFileSync(file, bytes)
}
