import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buid } from '../../src/bytes/hash.js'
import { encode, Float, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { type Plant, plant } from './plant.js'

const LAYER = '0b4eb4d9fb9d979464a52b2b803afb03'
/** A fork of it, where some of the nodes are partial. */
const FORK = '2509b8f52972b481ad6d8bd538faf9a1'
const PROV = 'dcb60de3942df258c88fe23142cb64ef'
const USER = '44a88c9bf5ba0162c8dbd2f4e2f0bd83'
const THINGS = 40
const NO_INTERVAL: Value = [null, null]

/** The model of a custom module: a form, a prop of a known form, a tag prop. */
const MODEL = {
  types: { 'acme:thing': { ctor: 'synapse.lib.types.Str', subof: 'str', opts: {} } },
  forms: {
    'acme:thing': {
      props: {
        name: { typedef: ['str', {}] },
        size: { typedef: ['int', {}] },
        ratio: { typedef: ['float', {}] },
        names: { typedef: ['array', { type: 'str' }] },
        fqdn: { typedef: ['inet:fqdn', {}] },
      },
    },
    'inet:fqdn': { props: { acmelevel: { typedef: ['int', {}] } } },
  },
  tagprops: { acmescore: { typedef: ['int', {}] } },
}

/** Writes the model as a file for `--model`. */
export function writeModel(dir: string): string {
  const path = join(dir, 'acme.json')
  writeFileSync(path, JSON.stringify(MODEL))
  return path
}

/**
 * Adds to the demo Cortex what only a custom module knows: nodes with all kinds of rows and node data, a prop and a tag
 * prop on nodes of a known form, partial nodes in a fork, and the splices of all that in between known ones.
 */
export function addUnknown(srcDir: string): void {
  const slab = (iden: string, name: string) => join(srcDir, 'layers', iden, `${name}.lmdb`)
  const nodes: Plant[] = []
  const fork: Plant[] = []
  const data: Plant[] = []
  const edits: Value[] = []
  const splice = (type: string, form: string, valu: Value, entries: [Value, Value][]) => {
    const rest: [Value, Value][] = [
      ['time', 1561939300000 + edits.length],
      ['user', USER],
      ['prov', PROV],
    ]
    edits.push([type, new PackMap([['ndef', [form, valu]], ...entries, ...rest])])
  }
  for (let i = 0; i < THINGS; i++) {
    const valu = `thing ${i}`
    const id = buid(['acme:thing', valu])
    const props: [string, Value][] = [
      ['name', `Name ${i % 7}`],
      ['size', i % 3 === 0 ? -i : 2 ** 40 + i],
      ['ratio', new Float(i / 4)],
      ['names', [`a${i}`, 'b', 'b']],
      ['fqdn', 'example.com'],
      ['.created', 1561939200000 + i],
    ]
    nodes.push(row(id, '*acme:thing', valu), row(id, '#rep.acme', NO_INTERVAL), row(id, `#acme.t${i % 5}`, [5, 10]))
    nodes.push(row(id, '#rep.acme:acmescore', i), ...props.map(([name, value]) => row(id, name, value)))
    for (const name of ['note', `note ${i % 4}`]) data.push(value(id, name, new PackMap([['i', i]])))
    splice('node:add', 'acme:thing', valu, [])
    for (const [name, value] of props)
      splice('prop:set', 'acme:thing', valu, [
        ['prop', name],
        ['valu', value],
      ])
    splice('tag:add', 'acme:thing', valu, [
      ['tag', 'rep.acme'],
      ['valu', NO_INTERVAL],
      ['oldv', null],
    ])
    splice('tag:add', 'inet:fqdn', 'example.com', [
      ['tag', `acme.t${i}`],
      ['valu', NO_INTERVAL],
      ['oldv', null],
    ])
    splice('tag:prop:set', 'inet:fqdn', 'example.com', [
      ['tag', 'acme'],
      ['prop', 'acmescore'],
      ['valu', i],
      ['curv', null],
    ])
    splice('prop:set', 'inet:fqdn', 'example.com', [
      ['prop', 'acmelevel'],
      ['valu', i],
    ])
    splice('prop:del', 'inet:fqdn', 'example.com', [
      ['prop', 'zone'],
      ['valu', 'example.com'],
    ])
    if (i % 4 !== 0) continue
    fork.push(row(id, '#fork.acme', NO_INTERVAL), row(id, 'size', 7))
  }
  const fqdns = ['example.com', 'com', 'net'].map((fqdn) => buid(['inet:fqdn', fqdn]))
  nodes.push(row(fqdns[0], 'acmelevel', 3), row(fqdns[1], '#rep.x', NO_INTERVAL), row(fqdns[1], '#rep.x:acmescore', 9))
  data.push(value(fqdns[0], 'acme:why', 'because'))
  for (let i = 0; i < THINGS; i += 8) {
    nodes.push(row(buid(['acme:thing', `thing ${i}`]), '_rating', i))
    nodes.push(row(buid(['acme:thing', `thing ${i}`]), '_kin', `thing ${i + 1}`))
  }
  // The Cortex extends the module: it cannot without its model.
  plant(join(srcDir, 'slabs', 'cell.lmdb'), [
    extension('acme:thing', '_rating', ['int', new PackMap([])]),
    extension('acme:thing', '_kin', ['acme:thing', new PackMap([])]),
  ])
  plant(slab(LAYER, 'layer'), nodes)
  plant(slab(FORK, 'layer'), fork)
  plant(slab(LAYER, 'nodedata'), data)
  const next = nextOffset(slab(LAYER, 'splices'))
  plant(
    slab(LAYER, 'splices'),
    edits.map((edit, i) => put('splices', int64(next + i), encode(edit))),
  )
}

function extension(form: string, prop: string, typedef: Value): Plant {
  const key = ['cortex', 'model', 'props', `${form}:${prop}`].join('\0')
  return put('hive', Buffer.from(key), encode([form, prop, typedef, new PackMap([])]))
}

function row(id: Uint8Array, name: string, valu: Value): Plant {
  return put('bybuid', Buffer.concat([id, Buffer.from(name)]), encode([valu, new Uint8Array(0)]))
}

function value(id: Uint8Array, name: string, content: Value): Plant {
  return put('bybuid', Buffer.concat([id, Buffer.from(name)]), encode(content))
}

function put(db: string, key: Uint8Array, content: Uint8Array): Plant {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  return { db, dupSort: false, op: 'put', key: hex(key), value: hex(content) }
}

function nextOffset(path: string): number {
  const slab = SlabReader.open(path)
  const last = slab.db('splices')?.last()?.key
  slab.close()
  return last === undefined ? 0 : Number(Buffer.from(last).readBigUInt64BE()) + 1
}

function int64(number: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(number))
  return bytes
}
