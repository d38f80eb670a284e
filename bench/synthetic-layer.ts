// Makes a Cortex of 0.1.x with any number of made-up nodes:
// `node dist/bench/synthetic-layer.js DIR --nodes N [--seed S] [--forms N|all] [--forks N] [--no-splices]`
import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buid } from '../src/bytes/hash.js'
import { decode, encode, PackMap, type Value } from '../src/bytes/msgpack.js'
import { compareSpans, viewOf } from '../src/bytes/spans.js'
import { LeafBuilder } from '../src/page/leaf-builder.js'
import { SlabReader } from '../src/page/page-reader.js'
import { SlabFileBuilder } from '../src/page/slab-file-builder.js'
import { Slab } from '../src/slab/slab.js'
import { indexOf } from './old-index.js'
import { RowScratch } from './row-scratch.js'
import { type LayerNodes, LEAST_FORMS, MORE_TAG_PROPS, type SyntheticNode, SyntheticNodes } from './synthetic-nodes.js'

/** An empty Cortex made by 0.1.58: test/oracle/make_empty_cortex.py. */
const TEMPLATE = fileURLToPath(new URL('../../test/fixtures/empty-cortex.tar.gz', import.meta.url))
/** Slabs that grew row by row are about this full. */
const FILL = 0.7
const LAYER_MODEL_VERSION = [0, 1, 3]
const PROV = '5f1ac5a2c2b8b1e2a1c3fd1c7e8f3b20'
const DATA_NAME = 'cache:x'
/** In a key of the sort by buid: its number takes the low bits, the buid's start the others. */
const NUMBER_BITS = 24n
const NO_TIMES = [null, null]
const NO_TIMES_INDEX = Uint8Array.of(0)
/** The value of byprop and byuniv is msgpack of `[buid]`: this, then the buid. */
const BUID_ROW = Uint8Array.of(0x91, 0xc4, 32)
const NOTHING = new Uint8Array(0)

export interface SyntheticOptions {
  /** 1,000 to 16 million, each about 4 KB of disk and 300 bytes of memory. */
  readonly nodes: number
  readonly seed?: number
  /** How many forms: 15 that make up a usual Cortex, and others of the model, up to "all", in equal parts. */
  readonly forms?: number | 'all'
  /** How many views are forks of the main one, each with a layer that changes a tenth of its nodes. */
  readonly forks?: number
  readonly splices?: boolean
}

export interface SyntheticCortex {
  /** The layer of the main view. */
  readonly layer: string
  /** The layers of forks, and how many nodes each changes. */
  readonly forks: Readonly<Record<string, number>>
  readonly forms: Readonly<Record<string, number>>
  /** Rows of the main view's layer. */
  readonly rows: { readonly bybuid: number; readonly splices: number; readonly nodedata: number }
}

/**
 * Writes a Cortex directory of 0.1.x: one layer and those of forks, the cell from a template. The same options make the same bytes. Pages lie in key
 * order, while those of a slab that grew lie scattered: where reading is bound by a disk, real slabs read slower.
 */
export async function makeSyntheticCortex(dir: string, options: SyntheticOptions): Promise<SyntheticCortex> {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const tar = spawnSync('tar', ['-C', dir, '-xzf', TEMPLATE], { stdio: 'inherit' })
  if (tar.status !== 0) throw new Error(`tar could not unpack ${TEMPLATE}`)
  const [layer] = readdirSync(join(dir, 'layers'))
  const user = rootUser(join(dir, 'slabs', 'cell.lmdb'))
  const nodes = new SyntheticNodes(options.nodes, options.seed ?? 1, options.forms)
  const forms = Object.fromEntries(nodes.forms().map((form) => [form, nodes.countOf(form)]))

  const buids = allBuids(nodes)
  const withSplices = options.splices ?? true
  const rows = writeSlabs(join(dir, 'layers', layer), nodes, buids, { user, withSplices })
  const forks: Record<string, number> = {}
  for (let fork = 0; fork < (options.forks ?? 0); fork++) {
    const iden = hash('md5', `layer ${fork}`, 'hex')
    cpSync(join(dir, 'layers', layer), join(dir, 'layers', iden), { recursive: true, filter: (path) => !isSlab(path) })
    const forked = nodes.fork(fork)
    writeSlabs(join(dir, 'layers', iden), forked, buids, { user, withSplices })
    forks[iden] = forked.count
  }
  const withMoreTagProps = (options.forms ?? LEAST_FORMS) !== LEAST_FORMS
  await writeCell(join(dir, 'slabs', 'cell.lmdb'), { forms, withMoreTagProps, layer, forks: Object.keys(forks) })
  return { layer, forks, forms, rows }
}

function isSlab(path: string): boolean {
  return path.endsWith('.lmdb')
}

/** Writes the slabs of a layer, and returns how many rows their main dbs have. */
function writeSlabs(
  layerDir: string,
  nodes: LayerNodes,
  buids: Buids,
  { user, withSplices }: { user: string; withSplices: boolean },
): SyntheticCortex['rows'] {
  return {
    bybuid: writeLayer(join(layerDir, 'layer.lmdb'), nodes, buids),
    nodedata: writeNodeData(join(layerDir, 'nodedata.lmdb'), nodes, buids, user),
    splices: writeSplices(join(layerDir, 'splices.lmdb'), nodes, user, withSplices),
  }
}

/** All buids end to end by number, and the numbers in the order of buids. */
interface Buids {
  readonly bytes: Uint8Array
  readonly order: Uint32Array
}

function allBuids(nodes: SyntheticNodes): Buids {
  const bytes = new Uint8Array(32 * nodes.count)
  const view = viewOf(bytes)
  const keys = new BigUint64Array(nodes.count)
  for (let i = 0; i < nodes.count; i++) {
    bytes.set(buid(nodes.ndef(i)), 32 * i)
    keys[i] = ((view.getBigUint64(32 * i) >> NUMBER_BITS) << NUMBER_BITS) | BigInt(i)
  }
  keys.sort()
  const order = Uint32Array.from(keys, (key) => Number(key & ((1n << NUMBER_BITS) - 1n)))
  // Of 10 million buids some share their first 40 bits.
  for (let i = 1; i < order.length; i++) {
    for (let j = i; j > 0 && compareSpans(view, 32 * order[j - 1], 32, view, 32 * order[j], 32) > 0; j--) {
      ;[order[j - 1], order[j]] = [order[j], order[j - 1]]
    }
  }
  return { bytes, order }
}

function writeLayer(path: string, nodes: LayerNodes, buids: Buids): number {
  const slab = new SlabWriter(path)
  const rows = writeByBuid(slab, nodes, buids)
  writeByProp(slab, nodes, buids)
  writeUniversal(slab, nodes, buids)
  writeTagProps(slab, nodes, buids)
  for (const name of ['name2offs', 'offs2name', 'offsets']) slab.db(name, false).close()
  slab.file.putMain(Buffer.from('layer:model:version'), encode(LAYER_MODEL_VERSION))
  slab.file.finish()
  return rows
}

function writeByBuid(slab: SlabWriter, nodes: LayerNodes, { bytes, order }: Buids): number {
  const db = slab.db('bybuid', false)
  for (const number of order) {
    if (!nodes.has(number)) continue
    const rows = propRows(nodes.node(number))
    rows.sort((a, b) => (a.text < b.text ? -1 : 1))
    for (const { text, valu, index } of rows) {
      db.key()
        .raw(bytes, 32 * number, 32 * number + 32)
        .ascii(text)
      db.value().arrayHead(2).pack(valu).pack(index)
      db.put()
    }
  }
  return db.close()
}

/** Form by form, prop by prop: only the rows of one form are held. */
function writeByProp(slab: SlabWriter, nodes: LayerNodes, { bytes }: Buids): void {
  const db = slab.db('byprop', true)
  for (const form of nodes.forms()) {
    const bags = new Map<string, RowBag>()
    for (const number of nodes.numbersOf(form)) {
      const buid = bytes.subarray(32 * number, 32 * number + 32)
      for (const { text, index } of propRows(nodes.node(number))) {
        if (!isTagProp(text)) addIndexed(bags, text.startsWith('*') ? '' : text, index, buid)
      }
    }
    for (const [prop, bag] of byKey(bags)) bag.drain(db, Buffer.from(`${form}\0${prop}\0`), BUID_ROW)
  }
  db.close()
}

function writeUniversal(slab: SlabWriter, nodes: LayerNodes, { bytes }: Buids): void {
  const bags = new Map<string, RowBag>()
  for (const number of nodes.numbers()) {
    const buid = bytes.subarray(32 * number, 32 * number + 32)
    for (const { text, index } of propRows(nodes.node(number))) {
      const isUniversal = text.startsWith('.') || (text.startsWith('#') && !isTagProp(text))
      if (isUniversal) addIndexed(bags, text, index, buid)
    }
  }
  const db = slab.db('byuniv', true)
  for (const [prop, bag] of byKey(bags)) bag.drain(db, Buffer.from(`${prop}\0`), BUID_ROW)
  db.close()
}

function writeTagProps(slab: SlabWriter, nodes: LayerNodes, { bytes }: Buids): void {
  const abrvs = new Map<string, Buffer>()
  const dbs = ['by_tp_pi', 'by_tp_tpi', 'by_tp_ftpi'].map((name) => ({ name, bags: new Map<string, RowBag>() }))
  for (const number of nodes.numbers()) {
    const { form, tagProp } = nodes.node(number)
    if (tagProp === null) continue
    const { tag, name: own, kind, valu } = tagProp
    const buid = bytes.subarray(32 * number, 32 * number + 32)
    const names = [own, `#${tag}:${own}`, `${form}#${tag}:${own}`]
    for (const name of names) if (!abrvs.has(name)) abrvs.set(name, int64(abrvs.size))
    const tagAbrv = abrvs.get(names[1]) as Buffer
    for (const [i, { bags }] of dbs.entries()) {
      addIndexed(bags, names[i], indexOf(kind, valu), i === 0 ? Buffer.concat([buid, tagAbrv]) : buid)
    }
  }
  for (const { name, bags } of dbs) {
    const db = slab.db(name, true)
    for (const [prop, abrv] of abrvs) bags.get(prop)?.drain(db, abrv, NOTHING)
    db.close()
  }
  slab.rows(
    'abrv2name',
    [...abrvs].map(([name, abrv]) => [abrv, Buffer.from(name)] as const),
  )
  slab.rows(
    'name2abrv',
    [...abrvs].map(([name, abrv]) => [Buffer.from(name), abrv] as const),
  )
  slab.rows('meta', [
    [Buffer.from('migrdone:splices'), encode(true)],
    [Buffer.from('nameabrv'), encode(abrvs.size)],
  ])
}

function writeNodeData(path: string, nodes: LayerNodes, { bytes, order }: Buids, user: string): number {
  const slab = new SlabWriter(path)
  const byBuid = slab.db('bybuid', false)
  const byName = slab.db('byname', false)
  for (const number of order) {
    if (!nodes.has(number) || !nodes.hasData(number)) continue
    const [start, end] = [32 * number, 32 * number + 32]
    byBuid.key().raw(bytes, start, end).ascii(DATA_NAME)
    byBuid.value().mapHead(3).pack('user').pack(user).pack('time').pack(nodes.created(number)).pack('data')
    byBuid.row
      .mapHead(2)
      .pack('score')
      .pack(number % 1000)
      .pack('tags')
      .pack(['a', 'b'])
    byBuid.put()
    byName.key().ascii(`${DATA_NAME}\0`).raw(bytes, start, end)
    byName.value().raw(Uint8Array.of(0))
    byName.put()
  }
  const rows = byBuid.close()
  byName.close()
  slab.file.finish()
  return rows
}

/** What 0.1.58 logs when nodes are added one after the other: the node with its props at once, then tag by tag. */
function writeSplices(path: string, nodes: LayerNodes, user: string, wanted: boolean): number {
  const slab = new SlabWriter(path)
  const db = slab.db('splices', false)
  let offset = 0
  for (const number of wanted ? nodes.numbers() : []) {
    const { form, valu, props, tags, tagProp, created, isPartial } = nodes.node(number)
    let time = created
    const log = (type: string, ...info: [string, Value][]) => {
      db.key().int64(offset++)
      const row = db
        .value()
        .arrayHead(2)
        .pack(type)
        .mapHead(info.length + 4)
        .pack('ndef')
        .arrayHead(2)
        .pack(form)
        .pack(valu)
      for (const [name, value] of info) row.pack(name).pack(value)
      row.pack('time').pack(time).pack('user').pack(user).pack('prov').pack(PROV)
      db.put()
    }
    if (!isPartial) log('node:add')
    for (const prop of props) log('prop:set', ['prop', prop.name], ['valu', prop.valu])
    for (const [tag, times] of tags) {
      time++
      log('tag:add', ['tag', tag], ['valu', times ?? NO_TIMES], ['oldv', null])
    }
    if (tagProp !== null) {
      const { tag, name, valu: own } = tagProp
      log('tag:prop:set', ['tag', tag], ['prop', name], ['valu', own], ['curv', null])
    }
  }
  const rows = db.close()
  slab.file.finish()
  return rows
}

interface CellFacts {
  readonly forms: Readonly<Record<string, number>>
  readonly withMoreTagProps: boolean
  readonly layer: string
  readonly forks: readonly string[]
}

/** Writes the counts of forms, the tag props that the template has not, and the views that are forks. */
async function writeCell(path: string, { forms, withMoreTagProps, layer, forks }: CellFacts): Promise<void> {
  const slab = await Slab.open(path)
  const db = slab.db('form:counts')
  const hive = slab.db('hive')
  const set = (path: string[], valu: Value) => hive.put(Buffer.from(path.join('\0')), encode(valu))
  slab.write(() => {
    for (const [form, count] of Object.entries(forms)) db.put(Buffer.from(form), int64(count))
    for (const [name, type] of withMoreTagProps ? MORE_TAG_PROPS : []) {
      set(['cortex', 'model', 'tagprops', name], [name, [type, new PackMap([])], new PackMap([])])
    }
    for (const iden of forks) {
      const view = hash('md5', `view of ${iden}`, 'hex')
      set(['auth', 'authgates', view], 'view')
      for (const [name, valu] of [
        ['name', '??'],
        ['owner', 'root'],
        ['type', 'lmdb'],
      ]) {
        set(['cortex', 'layers', iden, name], valu)
      }
      set(['cortex', 'views', view, 'layers'], [iden, layer])
      set(['cortex', 'views', view, 'owner'], 'root')
    }
  })
  await slab.close()
}

interface PropRow {
  /** As in a key of bybuid: `*form`, `.univ`, `#tag`, `#tag:prop` or the prop. */
  readonly text: string
  readonly valu: Value
  readonly index: Uint8Array | Uint8Array[]
}

function propRows({ form, kind, valu, props, tags, tagProp, isPartial }: SyntheticNode): PropRow[] {
  const rows: PropRow[] = isPartial ? [] : [{ text: `*${form}`, valu, index: indexOf(kind, valu) }]
  for (const prop of props) rows.push({ text: prop.name, valu: prop.valu, index: indexOf(prop.kind, prop.valu) })
  for (const [tag, times] of tags) {
    const index = times === null ? NO_TIMES_INDEX : indexOf('ival', times)
    rows.push({ text: `#${tag}`, valu: times ?? NO_TIMES, index })
  }
  if (tagProp !== null) {
    const { tag, name, kind: own, valu: value } = tagProp
    rows.push({ text: `#${tag}:${name}`, valu: value, index: indexOf(own, value) })
  }
  return rows
}

function isTagProp(text: string): boolean {
  return text.startsWith('#') && text.includes(':')
}

/** Rows of one db that share a key prefix, to be sorted: the rest of the key and the value, end to end. */
class RowBag {
  private bytes = new Uint8Array(1 << 12)
  private used = 0
  private count = 0
  private starts = new Uint32Array(1 << 6)
  private splits = new Uint32Array(1 << 6)

  add(key: Uint8Array, value: Uint8Array): void {
    const size = key.length + value.length
    while (this.used + size > this.bytes.length) this.bytes = grown(this.bytes, new Uint8Array(2 * this.bytes.length))
    if (this.count + 1 >= this.starts.length) {
      this.starts = grown(this.starts, new Uint32Array(2 * this.starts.length))
      this.splits = grown(this.splits, new Uint32Array(2 * this.splits.length))
    }
    this.bytes.set(key, this.used)
    this.bytes.set(value, this.used + key.length)
    this.starts[this.count] = this.used
    this.splits[this.count] = this.used + key.length
    this.used += size
    this.starts[++this.count] = this.used
  }

  /** Adds the rows in order, with more bytes in front of each key and each value. */
  drain(db: DbWriter, keyPrefix: Uint8Array, valuePrefix: Uint8Array): void {
    const { bytes, starts, splits } = this
    const view = viewOf(bytes)
    const order = Uint32Array.from({ length: this.count }, (_, i) => i)
    order.sort((a, b) => {
      const keys = compareSpans(view, starts[a], splits[a] - starts[a], view, starts[b], splits[b] - starts[b])
      if (keys !== 0) return keys
      return compareSpans(view, splits[a], starts[a + 1] - splits[a], view, splits[b], starts[b + 1] - splits[b])
    })
    for (const row of order) {
      db.key().raw(keyPrefix).raw(bytes, starts[row], splits[row])
      db.value()
        .raw(valuePrefix)
        .raw(bytes, splits[row], starts[row + 1])
      db.put()
    }
  }
}

/** Builds the dbs of one slab. */
class SlabWriter {
  readonly file: SlabFileBuilder
  private streams = 0

  constructor(path: string) {
    this.file = SlabFileBuilder.create(path)
  }

  db(name: string, dupSort: boolean): DbWriter {
    return new DbWriter(this.file, this.streams++, name, dupSort)
  }

  rows(name: string, rows: (readonly [Uint8Array, Uint8Array])[]): void {
    const db = this.db(name, false)
    for (const [key, value] of rows.sort(([a], [b]) => Buffer.compare(a, b))) {
      db.key().raw(key)
      db.value().raw(value)
      db.put()
    }
    db.close()
  }
}

/** One db: `key()`, `value()` and `put()` make a row. */
class DbWriter {
  readonly row = new RowScratch()
  private keyBytes = 0
  private readonly builder: LeafBuilder

  constructor(
    private readonly file: SlabFileBuilder,
    private readonly stream: number,
    private readonly name: string,
    private readonly dupSort: boolean,
  ) {
    this.builder = new LeafBuilder({ dupSort, fill: FILL, emit: (chunk) => file.place(stream, chunk) })
  }

  key(): RowScratch {
    return this.row.clear()
  }

  value(): RowScratch {
    this.keyBytes = this.row.length
    return this.row
  }

  put(): void {
    const { bytes, length } = this.row
    this.builder.add(bytes, 0, this.keyBytes, bytes, this.keyBytes, length)
  }

  /** Returns the number of rows. */
  close(): number {
    const summary = this.builder.finish()
    this.file.finishDb(this.name, this.dupSort, [{ stream: this.stream, summary }])
    return summary.entries
  }
}

function addIndexed(
  bags: Map<string, RowBag>,
  name: string,
  index: Uint8Array | Uint8Array[],
  value: Uint8Array,
): void {
  let bag = bags.get(name)
  if (bag === undefined) {
    bag = new RowBag()
    bags.set(name, bag)
  }
  for (const key of Array.isArray(index) ? index : [index]) bag.add(key, value)
}

/** In the order that the names have in keys, where NUL follows them. */
function byKey(bags: Map<string, RowBag>): [string, RowBag][] {
  return [...bags].sort(([a], [b]) => Buffer.compare(Buffer.from(`${a}\0`), Buffer.from(`${b}\0`)))
}

function int64(value: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeBigUInt64BE(BigInt(value))
  return out
}

function rootUser(path: string): string {
  const slab = SlabReader.open(path)
  try {
    for (const { key, value } of slab.db('hive')?.rows() ?? []) {
      const [auth, users, iden, ...rest] = Buffer.from(key).toString().split('\0')
      if (auth === 'auth' && users === 'users' && rest.length === 0 && decode(value) === 'root') return iden
    }
  } finally {
    slab.close()
  }
  throw new Error(`the hive of ${path} has no user root`)
}

function grown<T extends Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(from: T, to: T): T {
  to.set(from)
  return to
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      nodes: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      forms: { type: 'string', default: String(LEAST_FORMS) },
      forks: { type: 'string', default: '0' },
      'no-splices': { type: 'boolean', default: false },
    },
  })
  const { nodes, seed } = values
  const forms = values.forms === 'all' ? ('all' as const) : Number(values.forms)
  const splices = !values['no-splices']
  const options = { nodes: Number(nodes), seed: Number(seed), forms, forks: Number(values.forks), splices }
  console.log(JSON.stringify(await makeSyntheticCortex(positionals[0], options)))
}
