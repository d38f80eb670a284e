import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { BUID_BYTES } from '../../src/bytes/buid.js'
import { decode, encode, Float, type Value } from '../../src/bytes/msgpack.js'
import { hex } from '../support/canon.js'
import { fixture, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { del, type Plant, plant, put, rowName, rowsOf } from '../support/plant.js'
import { randomOf } from '../support/random.js'
import { type VerifyReport, verify, verifyArgs } from '../support/verify.js'

const LAYER = '0b4eb4d9fb9d979464a52b2b803afb03'
const Flag = { prop: 1, tag: 2, tagProp: 3 }
const BIN = join(fixture('..'), '..', 'bin', 'synapse-migrator.mjs')

interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** The demo Cortex, what becomes of it, and 200 things that are wrong with a copy of that; made once. */
const made = (() => {
  const dir = tempDir({ after })
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '2').status, 8)
  const seed = Number(process.env.PLANT_SEED ?? Date.now() % 1e6)
  const planted = plantAll(dest, randomOf(seed))
  return { src, dest, seed, planted }
})()

test('verify reports exactly 200 differences of all kinds that were planted by chance, each once', () => {
  const { src, dest, seed, planted } = made
  assert.equal(planted.length, 200)
  const kinds = new Set(planted.map((line) => /^\w+ \S+ (prop|tagprop|tag)?/.exec(line)?.[0]))
  assert.ok(kinds.size >= 12, [...kinds].join())
  const report = verify(src, dest, 7)
  assert.deepEqual(described(report), [...planted].sort(), `seed ${seed}`)
  assert.deepEqual([report.differenceCount, report.isCountExact, report.cell.differenceCount], [200, true, 5])
})

test('verify --checkpoint goes on where it was interrupted, to the same result, and refuses another comparison', async () => {
  const { src, dest } = made
  const dir = tempDir({ after })
  const file = join(dir, 'verify.checkpoint')
  const whole = verify(src, dest, 7)
  const args = [...verifyArgs(src, dest), '--workers', '1', '--checkpoint', file]
  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
    })
    const ended = new Promise((resolve) => child.on('close', resolve))
    const isUnderWay = () => (signal === 'SIGKILL' ? existsSync(file) : stderr.includes('Continuing with'))
    while (!isUnderWay() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 2))
    child.kill(signal)
    const code = await ended
    if (signal === 'SIGINT') assert.equal(code, 130)
    if (signal === 'SIGINT') assert.match(stderr, /Stopped by SIGINT\. To continue, run the same command again/)
  }
  const clean = join(dir, 'other')
  const other = synapseMigrator(['verify', '--src', src, '--dest', clean, '--checkpoint', file])
  assert.equal(other.status, 4)
  const unknown = synapseMigrator([...args, '--model', modelFile(dir)])
  assert.equal(unknown.status, 4, unknown.stderr)
  assert.match(unknown.stderr, /^error: Cannot verify layer \w{32}: its nodes were migrated with another model$/m)
  const wrong = synapseMigrator(args.map((arg) => (arg === src ? `${src}/` : arg)))
  assert.equal(wrong.status, 9, wrong.stderr)
  assert.match(wrong.stderr, /^error: Cannot continue from ".*verify\.checkpoint": it belongs to another comparison$/m)
  const { status, stdout, stderr } = synapseMigrator(args)
  assert.equal(status, 7, stderr)
  assert.match(stderr, /^Continuing with ".*verify\.checkpoint", which has [1-4] of 4 layers$/m)
  const report = JSON.parse(stdout) as VerifyReport
  assert.deepEqual(described(report), described(whole))
  assert.deepEqual([report.layers, report.differenceCount], [whole.layers, 200])
  assert.equal(existsSync(file), false)
  const inside = synapseMigrator(['verify', '--src', src, '--dest', dest, '--checkpoint', join(dest, 'x')])
  assert.equal(inside.status, 2)
})

/** Plants differences of all kinds; returns what has to be reported, a line for each. */
function plantAll(dest: string, random: (below: number) => number): string[] {
  const slab = (name: string) => join(dest, 'layers', LAYER, `${name}.lmdb`)
  const wanted: string[] = []
  const plants = new Map<string, Plant[]>()
  const take = (rows: Row[], count: number): Row[] => {
    assert.ok(rows.length >= count, `${rows.length} rows are too few for ${count}`)
    return Array.from({ length: count }, () => rows.splice(random(rows.length), 1)[0])
  }
  const add = (path: string, wrong: string, ...changes: Plant[]) => {
    wanted.push(wrong)
    plants.set(path, [...(plants.get(path) ?? []), ...changes])
  }
  const node = (kind: string, { key }: Row) => `${kind} bybuid ${rowName(key)} ${hex(key.subarray(0, BUID_BYTES))}`
  const index = (kind: string, db: string, value: Uint8Array) => `${kind} ${db} index ${hex(value)}`

  const layer = slab('layer_v2')
  const bybuid = rowsOf(layer, 'bybuid')
  const first = ({ value }: Row) => (decode(value) as Value[])[0]
  const props = bybuid.filter(({ key }) => key[BUID_BYTES] === Flag.prop)
  const ints = props.filter((row) => typeof first(row) === 'number')
  const texts = props.filter((row) => typeof first(row) === 'string')
  const others = props.filter((row) => !ints.includes(row) && !texts.includes(row))
  for (const row of take(ints, 20)) {
    const [valu, stor] = decode(row.value) as Value[]
    add(layer, node('different', row), put('bybuid', row.key, encode([new Float(valu as number), stor])))
  }
  for (const row of take(texts, 25))
    add(layer, node('different', row), put('bybuid', row.key, encode(['planted', (decode(row.value) as Value[])[1]])))
  for (const row of take([...texts, ...ints], 20)) add(layer, node('missing', row), del('bybuid', row.key))
  for (const [i, row] of take(others, 10).entries()) {
    const key = Buffer.concat([row.key.subarray(0, BUID_BYTES + 1), Buffer.from(`zzz${i}`)])
    add(layer, node('extra', { key, value: key }), put('bybuid', key, encode(['x', 1])))
  }
  const tags = bybuid.filter(({ key }) => key[BUID_BYTES] === Flag.tag)
  for (const row of take(tags, 15)) add(layer, node('missing', row), del('bybuid', row.key))
  for (const row of take(tags, 10)) add(layer, node('different', row), put('bybuid', row.key, encode([7, 9])))
  const tagProps = bybuid.filter(({ key }) => key[BUID_BYTES] === Flag.tagProp)
  for (const row of take(tagProps, 3)) add(layer, node('missing', row), del('bybuid', row.key))

  const byprop = rowsOf(layer, 'byprop').filter(({ key }) => key.length > 10)
  for (const { key, value } of take(byprop, 20))
    add(layer, index('missing', 'byprop', value), del('byprop', key, value))
  for (const { key, value } of take(byprop, 15)) {
    const wrong = Buffer.concat([key, Buffer.of(1)])
    add(layer, index('different', 'byprop', value), del('byprop', key, value), put('byprop', wrong, value, true))
  }
  const bytag = rowsOf(layer, 'bytag')
  for (const { key, value } of take(bytag, 15)) add(layer, index('missing', 'bytag', value), del('bytag', key, value))
  for (const [i, { key }] of take(bytag, 15).entries()) {
    const stranger = Buffer.alloc(BUID_BYTES, i + 1)
    add(layer, index('extra', 'bytag', stranger), put('bytag', key, stranger, true))
  }
  for (const { key } of take(rowsOf(layer, 'count:forms'), 4)) {
    add(layer, `different count:forms ${Buffer.from(key)} null`, put('count:forms', key, Buffer.alloc(8, 1)))
  }

  const data = slab('nodedata')
  const nodedata = rowsOf(data, 'nodedata')
  const buidOf = ({ key }: Row) => hex(key.subarray(0, BUID_BYTES))
  for (const row of take(nodedata, 4)) add(data, `missing nodedata data ${buidOf(row)}`, del('nodedata', row.key))
  for (const row of take(nodedata, 4))
    add(data, `different nodedata data ${buidOf(row)}`, put('nodedata', row.key, encode('x')))
  for (const { key, value } of take(rowsOf(data, 'dataname'), 3)) {
    add(data, index('missing', 'dataname', value), del('dataname', key, value))
  }

  const edits = slab('nodeedits')
  const nodeedits = rowsOf(edits, 'nodeedits')
  const { length } = nodeedits
  for (const { key } of take(nodeedits.slice(0, length - 10), 10)) {
    const number = Buffer.from(key).readBigUInt64BE()
    add(edits, `different nodeedits node edit ${number} null`, put('nodeedits', key, nodeedits[length - 1].value))
  }
  for (const i of [0, 1]) {
    const key = Buffer.alloc(8)
    key.writeBigUInt64BE(BigInt(length + i))
    add(edits, `extra nodeedits node edit ${length + i} null`, put('nodeedits', key, nodeedits[0].value))
  }

  const cell = join(dest, 'slabs', 'cell.lmdb')
  const hive = rowsOf(cell, 'hive').filter(({ key }) => /^cortex\0(model|storm)\0/.test(Buffer.from(key).toString()))
  const path = ({ key }: Row) => Buffer.from(key).toString().replaceAll('\0', '/')
  for (const row of take(hive, 3)) add(cell, `missing hive ${path(row)} null`, del('hive', row.key))
  for (const row of take(hive, 2))
    add(cell, `different hive ${path(row)} null`, put('hive', row.key, encode('planted')))
  for (const [slabPath, changes] of plants) plant(slabPath, changes)
  return wanted
}

/** The differences as `plantAll()` words them. */
function described({ differences }: VerifyReport): string[] {
  return differences
    .map(({ kind, place, row, buid }) => `${kind} ${place} ${row.replace(/^(index|data) .*/, '$1')} ${buid}`)
    .sort()
}

function modelFile(dir: string): string {
  const path = join(dir, 'model.json')
  writeFileSync(path, JSON.stringify({ tagprops: { acme: { typedef: ['int', {}] } } }))
  return path
}
