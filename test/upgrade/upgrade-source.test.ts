import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { decode, encode, type Value } from '../../src/bytes/msgpack.js'
import { toJson } from '../../src/bytes/value-json.js'
import { cortexPaths } from '../../src/layout/paths.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { planUpgrade, upgradeSource, upgradeText } from '../../src/upgrade/upgrade-source.js'
import { fixture, tempDir, unpack } from '../support/cortex.js'

/** A form that 0.1.58 forgets: an edge to an edge to a source keeps the name `source`, which no model has (D60). */
const FORGOTTEN = Buffer.from('\x92\xa6source', 'latin1')

for (const name of ['before-0.1.0', '0.1.0', '0.1.31', '0.1.51']) {
  test(`upgradeSource() makes of ${name} what 0.1.58 makes when it starts`, (t) => {
    const dir = tempDir(t)
    const src = unpack(`old/${name}.tar.gz`, join(dir, 'src'))
    const before = filesOf(src)
    const plan = planUpgrade(src)
    assert.ok(plan !== null)
    const made = upgradeSource(plan, join(dir, 'source'), [])
    const [ours, theirs] = [linesOf(made), linesOf01x(name)]
    assert.ok(theirs.size > 100, `${theirs.size} rows`)
    const differing = [...theirs].filter(([key, value]) => ours.get(key) !== value)
    const forgotten = differing.filter(([, value]) => Buffer.from(value, 'hex').includes(FORGOTTEN))
    // A node that it forgets is one of another buid: none of its rows is among ours.
    const forgottenBuids = new Set(forgotten.map(([key]) => key.slice(0, 'layer0 '.length + 64)))
    const lost = differing.filter(([key]) => !forgottenBuids.has(key.slice(0, 'layer0 '.length + 64)))
    assert.deepEqual(
      lost.map(([key, value]) => `${key} = ${value}, ours ${ours.get(key)}`),
      [],
    )
    assert.equal(forgottenBuids.size, name === 'before-0.1.0' ? 2 : 0)
    assert.equal(ours.size, theirs.size)
    assert.deepEqual(filesOf(src), before)
    assert.equal(planUpgrade(made), null)
  })
}

test('upgradeSource() uses what it has made again, for as long as the source is the same', (t) => {
  const dir = tempDir(t)
  const src = unpack('old/0.1.31.tar.gz', join(dir, 'src'))
  const to = join(dir, 'source')
  const make = () => upgradeSource(planUpgrade(src) ?? assert.fail('no plan'), to, [])
  make()
  writeFileSync(join(to, 'mark'), '')
  make()
  assert.ok(existsSync(join(to, 'mark')))
  const layer = planUpgrade(src)?.layers.find(({ revisions }) => revisions.length > 0)
  const data = join(layer?.dir ?? '', 'layer.lmdb', 'data.mdb')
  flipWithin(data, '.created')
  make()
  assert.ok(!existsSync(join(to, 'mark')))
})

test('planUpgrade() has nothing to do for a Cortex of 0.1.58, and upgradeText() says what it has for others', (t) => {
  const dir = tempDir(t)
  assert.equal(planUpgrade(unpack('demo-cortex.tar.gz', join(dir, 'new'))), null)
  const plan = planUpgrade(unpack('old/before-0.1.0.tar.gz', join(dir, 'old')))
  assert.ok(plan !== null)
  const text = upgradeText(plan).join('\n')
  assert.match(text, /get idens of their own/)
  assert.match(text, /model version \(0, 0, 0\): the names of nine forms .*ps:contact:address.*disolved/)
})

/** Changes a bit of the first place in a file that holds the text; the files are sparse, and too large for one buffer. */
function flipWithin(path: string, text: string): void {
  const fd = openSync(path, 'r+')
  const buf = Buffer.alloc(1 << 20)
  readSync(fd, buf, 0, buf.length, 0)
  const at = buf.indexOf(text)
  assert.ok(at > 0)
  writeSync(fd, Buffer.of(buf[at + 1] ^ 1), 0, 1, at + 1)
  closeSync(fd)
}

/** As test/oracle/upgraded_rows.py prints them: `slab key` to the value, idens of a start's own making as words. */
function linesOf01x(name: string): Map<string, string> {
  const text = gunzipSync(readFileSync(fixture(`old/${name}.jsonl.gz`))).toString()
  const lines = text.trim().split('\n')
  return new Map(
    lines.map((line) => {
      const [slab, key, value] = JSON.parse(line) as [string, string, string]
      return [`${slab} ${key}`, slab === 'hive' || slab === 'triggers' ? canonical(value) : value]
    }),
  )
}

function linesOf(dir: string): Map<string, string> {
  const paths = cortexPaths(dir)
  const rows = (path: string, db: string) => {
    if (!SlabReader.exists(path)) return []
    const slab = SlabReader.open(path)
    const found = [...(slab.db(db)?.rows() ?? [])]
    slab.close()
    return found
  }
  const hive = rows(paths.slab('cell'), 'hive').map(
    ({ key, value }) => [Buffer.from(key).toString(), decode(value)] as const,
  )
  const idens = readdirSync(paths.layers)
  const layers = idens
    .map((iden) => ({ iden, count: rows(paths.layer(iden).slab('layer'), 'bybuid').length }))
    .sort((a, b) => b.count - a.count)
  const words = new Map(layers.map(({ iden }, i) => [iden, `LAYER${i}`]))
  for (const [path, value] of hive) {
    const parts = path.split('\0')
    if (path === 'cellinfo\0defaultview') words.set(String(value), 'VIEW')
    if (parts[0] === 'auth' && ['users', 'roles'].includes(parts[1]) && parts.length === 3)
      words.set(parts[2], `${parts[1]}:${value}`)
  }
  const word = (text: string) => [...words].reduce((now, [iden, name]) => now.replaceAll(iden, name), text)
  const lines = new Map<string, string>()
  for (const [path, value] of hive) if (value !== null) lines.set(`hive ${word(path)}`, canonical(word(json(value))))
  for (const { key, value } of rows(paths.slab('cell'), 'triggers'))
    lines.set(`triggers ${Buffer.from(key)}`, canonical(word(json(decode(value)))))
  layers.forEach(({ iden }, i) => {
    const layer = paths.layer(iden)
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
    for (const { key, value } of rows(layer.slab('layer'), 'bybuid'))
      lines.set(`layer${i} ${hex(key)}`, hex(encode((decode(value) as Value[])[0])))
    for (const { key, value } of rows(layer.slab('nodedata'), 'bybuid'))
      lines.set(`nodedata${i} ${hex(key)}`, hex(value))
    for (const { key, value } of rows(layer.slab('splices'), 'splices'))
      lines.set(`splices${i} ${hex(key)}`, hex(value))
  })
  return lines
}

function json(value: Value): string {
  return JSON.stringify(toJson(value))
}

/** JSON with its keys sorted. */
function canonical(text: string): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted)
    if (value === null || typeof value !== 'object') return value
    if ('$f' in value) return Number(value.$f)
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([k, v]) => [k, sorted(v)]),
    )
  }
  return JSON.stringify(sorted(JSON.parse(text)))
}

/** Every file below a directory with its size and when it was written. */
function filesOf(dir: string): Map<string, string> {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = names.map(({ parentPath, name }) => join(parentPath, name)).sort()
  const facts = (path: string) => {
    const { size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return `${size} ${mtimeNs} ${ctimeNs}`
  }
  return new Map(paths.map((path) => [path, facts(path)]))
}
