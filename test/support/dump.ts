import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parse } from 'yaml'
import { decode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { canon, canonPacked, hex, textOrBytes } from './canon.js'

type Row = (db: string, key: Uint8Array, value: Uint8Array) => string

const FLAGS: Record<number, string> = { 0: 'ndef', 1: 'prop', 2: 'tag', 3: 'tagprop', 9: 'form' }
/** What a migrator works with while it runs. */
const WORKING = ['migration/splices', 'migration/layermaps']
/** What runs say of themselves: when, where and how fast. test/report looks at it. */
const REPORTS = [
  'migration/runs.json',
  'migration/status.json',
  'migration/report.json',
  'migration/report.html',
  'migration/migrate.log',
]

/**
 * The content of a Cortex directory as sorted lines of text, independent of the order in which abbreviations were given
 * out. test/oracle/dump.py writes the same lines and tells their format.
 */
export function dumpCortex(dir: string): string[] {
  return [...dumpDir(dir, '')].sort()
}

/** Lines that dump.py wrote, or any other fixture of lines. */
export function readLines(path: string): string[] {
  const text = gunzipSync(readFileSync(path)).toString('utf8')
  return text.split('\n').slice(0, -1)
}

function* dumpDir(dir: string, rel: string): Generator<string> {
  for (const entry of readdirSync(join(dir, rel), { withFileTypes: true })) {
    const path = rel === '' ? entry.name : `${rel}/${entry.name}`
    if (WORKING.includes(path) || REPORTS.includes(path)) continue
    if (entry.isDirectory()) yield* entry.name.endsWith('.lmdb') ? dumpSlab(dir, path) : dumpDir(dir, path)
    else if (entry.isFile() && entry.name !== 'lock.mdb') {
      for (const content of fileContent(join(dir, path))) yield `${path}\t\t${content}`
    }
  }
}

function* dumpSlab(dir: string, path: string): Generator<string> {
  const slab = SlabReader.open(join(dir, path))
  try {
    const row = rowsOf(dir, path, slab)
    for (const { key, value } of slab.mainRows()) yield `${path}\t\t${other('', key, value)}`
    for (const name of slab.dbNames()) {
      const db = slab.db(name)
      if (db === undefined) continue
      yield `${path}\t\t${cells(canon(name), String(db.dupSort))}`
      for (const { key, value } of db.rows()) yield `${path}\t${name}\t${row(name, key, value)}`
    }
  } finally {
    slab.close()
  }
}

function rowsOf(dir: string, path: string, slab: SlabReader): Row {
  const name = basename(path)
  if (name === 'layer_v2.lmdb') return layerRows(slab)
  if (name === 'nodedata.lmdb' && slab.db('nodedata') !== undefined) {
    return nodedataRows(propNames(join(dir, dirname(path), 'layer_v2.lmdb')))
  }
  if (name === 'queues.lmdb') return queueRows(slab)
  return name === 'nodeedits.lmdb' ? nodeeditRows : other
}

function layerRows(slab: SlabReader): Row {
  const props = table(slab, 'propabrv:abrv2byts')
  const tags = table(slab, 'tagabrv:abrv2byts')
  const tagprops = table(slab, 'tagpropabrv:abrv2byts')
  return (db, key, value) => {
    if (db === 'bybuid') {
      const flag = FLAGS[key[32]] ?? String(key[32])
      const content = flag === 'form' ? canon(textOrBytes(value)) : canonPacked(value)
      return cells(canon(hex(key.subarray(0, 32))), canon(flag), canon(textOrBytes(key.subarray(33))), content)
    }
    if (db === 'byprop' || db === 'byarray') {
      return cells(...names(props, key.subarray(0, 8), 2), canon(hex(key.subarray(8))), canon(hex(value)))
    }
    if (db === 'bytag') {
      const tag = canon(textOrBytes(tags.get(hex(key.subarray(0, 8))) ?? key.subarray(0, 8)))
      return cells(tag, ...names(props, key.subarray(8), 2), canon(hex(value)))
    }
    if (db === 'bytagprop') {
      return cells(...names(tagprops, key.subarray(0, 8), 3), canon(hex(key.subarray(8))), canon(hex(value)))
    }
    const name = db.startsWith('tagabrv') ? (bytes: Uint8Array) => canon(textOrBytes(bytes)) : canonPacked
    if (db.endsWith(':byts2abrv')) {
      const back = slab.db(db.replace('byts2abrv', 'abrv2byts'))?.get(value)
      return cells(name(key), String(back !== undefined && Buffer.compare(back, key) === 0))
    }
    if (db.endsWith(':abrv2byts')) return cells(name(value))
    if (db === 'count:forms') return cells(canon(textOrBytes(key)), number(value))
    return other(db, key, value)
  }
}

function nodedataRows(props: Map<string, Uint8Array>): Row {
  return (db, key, value) => {
    if (db === 'nodedata') {
      return cells(canon(hex(key.subarray(0, 32))), names(props, key.subarray(32), 1)[0], canonPacked(value))
    }
    if (db === 'dataname') return cells(names(props, key, 1)[0], canon(hex(value)))
    return other(db, key, value)
  }
}

function queueRows(slab: SlabReader): Row {
  const now = table(slab, 'cortex:queue:abrv:abrv2byts')
  const byAbrv = now.size > 0 ? now : table(slab, 'cortex:queue:abrv:abrv2name')
  return (db, key, value) => {
    if (db !== 'cortex:queue:qdata') return other(db, key, value)
    const abrv = key.subarray(0, 8)
    return cells(canon(textOrBytes(byAbrv.get(hex(abrv)) ?? abrv)), number(key.subarray(8)), canonPacked(value))
  }
}

function nodeeditRows(_db: string, key: Uint8Array, value: Uint8Array): string {
  return cells(number(key), canonPacked(value))
}

function other(_db: string, key: Uint8Array, value: Uint8Array): string {
  return cells(canon(textOrBytes(key)), canonPacked(value))
}

function cells(...texts: string[]): string {
  return `[${texts.join(',')}]`
}

function number(bytes: Uint8Array): string {
  return bytes.length === 8 ? Buffer.from(bytes).readBigUInt64BE().toString() : canon(bytes)
}

/** The first `count` parts of the name behind an abbreviation; the abbreviation itself when nothing is behind it. */
function names(known: Map<string, Uint8Array>, abrv: Uint8Array, count: number): string[] {
  const name = known.get(hex(abrv))
  const parts = name === undefined ? [abrv] : (decode(name) as Value[])
  return Array.from({ length: count }, (_, i) => canon(parts[i] ?? null))
}

function propNames(path: string): Map<string, Uint8Array> {
  if (!SlabReader.exists(path)) return new Map()
  const slab = SlabReader.open(path)
  const props = table(slab, 'propabrv:abrv2byts')
  slab.close()
  return props
}

function table(slab: SlabReader, name: string): Map<string, Uint8Array> {
  const rows = [...(slab.db(name)?.rows() ?? [])]
  return new Map(rows.map(({ key, value }) => [hex(key), value]))
}

function fileContent(path: string): string[] {
  const bytes = readFileSync(path)
  if (path.endsWith('.yaml')) return [canon(ordered(parse(bytes.toString('utf8'))))]
  if (basename(path).startsWith('authhier_')) return authRows(decode(bytes) as PackMap)
  return [`"${createHash('sha256').update(bytes).digest('hex')}"`]
}

function authRows(users: PackMap): string[] {
  return users.entries.flatMap(([user, gates]) =>
    (gates as PackMap).entries.map(([gate, perms]) => {
      const sorted = (perms as Value[]).map(canon).sort()
      return cells(canon(user), canon(gate), cells(...sorted))
    }),
  )
}

/** What a YAML document holds, keys sorted: these files have no floats and no large numbers. */
function ordered(data: unknown): Value {
  if (Array.isArray(data)) return data.map(ordered)
  if (data === null || typeof data !== 'object') return data as Value
  return new PackMap(
    Object.entries(data)
      .sort()
      .map(([key, value]) => [key, ordered(value)]),
  )
}
