import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { BUID_BYTES } from '../../src/bytes/buid.js'
import { decode, encode, Float, type Value } from '../../src/bytes/msgpack.js'
import { Meta, PAGE_BYTES } from '../../src/page/format.js'
import { hex } from '../support/canon.js'
import { copyCortex, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { del, plant, put, rowName, rowsOf } from '../support/plant.js'
import { type VerifyReport, verify } from '../support/verify.js'

const LAYER = '0b4eb4d9fb9d979464a52b2b803afb03'
const PROP = 1

/** The demo Cortex and what becomes of it, made once; tests change copies. */
const demo = await (async () => {
  const dir = tempDir({ after })
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '2').status, 8)
  return { src, dest }
})()

test('verify finds a fresh migration to be the same, and says what it compared', () => {
  const { status, stdout, stderr } = synapseMigrator(['verify', '--src', demo.src, '--dest', demo.dest])
  assert.deepEqual([status, stderr], [0, ''])
  const lines = stdout.trim().split('\n')
  assert.match(lines[0], /^Compared all of .*dest with .*src in \d+\.\d s$/)
  assert.match(lines[2], /^ {2}0b4eb4d9\S+ +250 +1,535 +1,607 +17 +1,394 +763 +0 +0$/)
  assert.match(lines[6], /^ {2}hive, queues and log of steps: \d{3} rows, \d+ files, 4 copied slabs; 0 differences$/)
  assert.match(
    lines[7],
    /^ {2}not compared, as they hold nothing of the Cortex: checkpoints, reports, logs and options of slabs below migration$/,
  )
  assert.equal(lines.length, 9)
  assert.equal(lines.at(-1), 'No differences; the migration log holds 1 error')
})

test('verify reports exactly the differences that were planted, each once', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const layer = join(dest, 'layers', LAYER, 'layer_v2.lmdb')
  const data = join(dest, 'layers', LAYER, 'nodedata.lmdb')
  const edits = join(dest, 'layers', LAYER, 'nodeedits.lmdb')
  const bybuid = rowsOf(layer, 'bybuid').filter(({ key }) => key[BUID_BYTES] === PROP)
  const ints = bybuid.filter(({ value }) => typeof (decode(value) as Value[])[0] === 'number')
  const texts = bybuid.filter(({ value }) => typeof (decode(value) as Value[])[0] === 'string')
  const byprop = rowsOf(layer, 'byprop').filter(({ key }) => key.length > 10)
  const bytag = rowsOf(layer, 'bytag')
  const nodedata = rowsOf(data, 'nodedata')
  const nodeedits = rowsOf(edits, 'nodeedits')
  const [int, stor] = decode(ints[3].value) as Value[]
  const other = Uint8Array.from(byprop[20].key)
  other[other.length - 1] ^= 1
  const stray = Buffer.concat([bybuid[40].key.subarray(0, BUID_BYTES + 1), Buffer.from('zzz')])
  const wanted: [string, string, string, Uint8Array | null][] = [
    ['missing', 'bybuid', rowName(bybuid[7].key), bybuid[7].key],
    ['extra', 'bybuid', 'prop :zzz', stray],
    ['different', 'bybuid', rowName(texts[11].key), texts[11].key],
    ['different', 'bybuid', rowName(ints[3].key), ints[3].key],
    ['missing', 'byprop', 'index', byprop[3].value],
    ['different', 'byprop', 'index', byprop[20].value],
    ['extra', 'bytag', 'index', Buffer.alloc(BUID_BYTES, 7)],
    ['different', 'count:forms', 'inet:fqdn', null],
    ['missing', 'nodedata', 'data', nodedata[2].key],
    ['different', 'nodedata', 'data', nodedata[5].key],
    ['missing', 'dataname', 'index', nodedata[8].key],
    ['different', 'nodeedits', 'node edit 9', null],
    ['extra', 'nodeedits', `node edit ${nodeedits.length}`, null],
  ]
  plant(layer, [
    del('bybuid', bybuid[7].key),
    put('bybuid', stray, encode(['x', 1])),
    put('bybuid', texts[11].key, encode(['planted', (decode(texts[11].value) as Value[])[1]])),
    // The same number, as a float.
    put('bybuid', ints[3].key, encode([new Float(int as number), stor])),
    del('byprop', byprop[3].key, byprop[3].value),
    del('byprop', byprop[20].key, byprop[20].value),
    put('byprop', other, byprop[20].value, true),
    put('bytag', bytag[4].key, Buffer.alloc(BUID_BYTES, 7), true),
    put('count:forms', Buffer.from('inet:fqdn'), Buffer.alloc(8, 1)),
  ])
  const dataname = rowsOf(data, 'dataname').find(({ key, value }) =>
    Buffer.concat([value, key]).equals(Buffer.from(nodedata[8].key)),
  )
  assert.ok(dataname)
  plant(data, [
    del('nodedata', nodedata[2].key),
    put('nodedata', nodedata[5].key, encode('planted')),
    del('dataname', dataname.key, dataname.value),
  ])
  plant(edits, [
    put('nodeedits', nodeedits[9].key, nodeedits[8].value),
    put('nodeedits', int64(nodeedits.length), nodeedits[0].value),
  ])
  const report = verify(demo.src, dest, 7)
  assert.deepEqual(
    report.differences
      .map(
        ({ kind, place, row, buid }) =>
          `${kind} ${place} ${row.startsWith('node edit') ? row : row.replace(/^(index|data) .*/, '$1')} ${buid}`,
      )
      .sort(),
    wanted
      .map(
        ([kind, place, row, key]) =>
          `${kind} ${place} ${row} ${key === null ? null : hex(key.subarray(0, BUID_BYTES))}`,
      )
      .sort(),
  )
  assert.deepEqual([report.differenceCount, report.isCountExact], [wanted.length, true])
  assert.ok(report.differences.every((found) => found.layer === LAYER))
  const typeOnly = report.differences.find(
    (found) => found.buid === hex(ints[3].key.subarray(0, BUID_BYTES)) && found.kind === 'different',
  )
  assert.deepEqual(
    [typeOnly?.expected?.value, typeOnly?.found?.value],
    [
      [int, stor],
      [{ $f: `${int}.0` }, stor],
    ],
  )
  assert.deepEqual(report.expected, [
    `layer_v2.lmdb of layer ${LAYER} has been written to since it was made`,
    `nodedata.lmdb of layer ${LAYER} has been written to since it was made`,
    `nodeedits.lmdb of layer ${LAYER} has been written to since it was made`,
  ])
  const { status, stdout } = synapseMigrator(['verify', '--src', demo.src, '--dest', dest, '--limit', '2'])
  assert.equal(status, 7)
  assert.match(stdout, /^note: layer_v2\.lmdb of layer .*: differences are to be expected$/m)
  assert.match(stdout, /^… and 11 more: give --limit to see more of them$/m)
  assert.match(stdout, /^13 differences; the migration log holds 1 error$/m)
})

test('verify --sample finds what is wrong with the nodes that it chooses', (t) => {
  const all = JSON.parse(
    synapseMigrator(['verify', '--src', demo.src, '--dest', demo.dest, '--sample', '9', '--json']).stdout,
  )
  assert.equal(all.ok, true)
  assert.ok(all.layers.every(({ nodes }: { nodes: number }) => nodes > 0 && nodes <= 9))
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const layer = join(dest, 'layers', LAYER, 'layer_v2.lmdb')
  plant(
    layer,
    rowsOf(layer, 'bybuid')
      .filter(({ key }) => key[BUID_BYTES] === 0)
      .map(({ key }) => del('bybuid', key)),
  )
  plant(
    layer,
    rowsOf(layer, 'byprop').map(({ key, value }) => del('byprop', key, value)),
  )
  const { status, stdout } = synapseMigrator(['verify', '--src', demo.src, '--dest', dest, '--sample', '5', '--json'])
  const report = JSON.parse(stdout) as VerifyReport
  const nodes = report.layers.find(({ iden }) => iden === LAYER)?.nodes ?? 0
  assert.equal(status, 7)
  assert.equal(report.differences.filter(({ place, row }) => place === 'bybuid' && row === 'ndef').length, nodes)
  assert.ok(report.differences.some(({ kind, place }) => kind === 'missing' && place === 'byprop'))
})

test('verify accounts for nodes and node data that are in the migration log, and misses them when they are not', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/badutf8-key/src.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 8)
  const report = verify(src, dest, 0)
  assert.deepEqual([report.ok, report.layers[0].errors], [true, 2])
  const log = join(dest, 'migration', 'migr.lmdb')
  const records = rowsOf(log, 'migr').filter(({ key }) => Buffer.from(key).toString('latin1').includes('\0error\0'))
  plant(
    log,
    records.map(({ key }) => del('migr', key)),
  )
  const lost = verify(src, dest, 7)
  assert.deepEqual(lost.differences.map(({ kind, place, row }) => `${kind} ${place} ${row}`).sort(), [
    'missing errors nodedata record of the migration log',
    'missing errors nodes record of the migration log',
  ])
})

test('verify looks at the pages too, and names a slab that is not there', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const file = join(dest, 'layers', LAYER, 'nodeedits.lmdb', 'data.mdb')
  rmSync(join(dest, 'layers', LAYER, 'nodedata.lmdb'), { recursive: true })
  const pages = addPage(file)
  const report = verify(demo.src, dest, 7)
  assert.ok(
    report.differences.some(
      ({ place, row }) => place === 'nodeedits.lmdb' && row === `page ${pages} is neither reachable nor free`,
    ),
  )
  assert.equal(report.differences.filter(({ kind, place }) => kind === 'missing' && place === 'nodedata').length, 17)
})

test('migrate --verify compares in the end', (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const { status, stdout } = migrate('--src', src, '--dest', join(dir, 'dest'), '--verify')
  assert.equal(status, 0)
  assert.match(stdout, /^Migrated [\s\S]*^Compared all of [\s\S]*^No differences$/m)
})

test('verify refuses what is no migration of the source', (t) => {
  const dir = tempDir(t)
  const refused = (dest: string, src = demo.src) => {
    const { status, stdout, stderr } = synapseMigrator(['verify', '--src', src, '--dest', dest])
    assert.equal(stdout, '')
    return `${status} ${stderr.split('\n')[0].replaceAll(dir, 'DIR')}`
  }
  assert.equal(refused(dir), '4 error: Cannot verify "DIR": there is no Cortex in it')
  const other = unpack('reference/booted-280.tar.gz', join(dir, 'other'))
  assert.match(refused(other), /^4 error: Cannot verify "DIR\/other": it belongs to the Cortex \w{32}, ".*" is \w{32}$/)
  assert.match(refused(demo.dest, join(dir, 'nope')), /^5 error: Cannot read source "DIR\/nope": it does not exist$/)
})

/** Adds a page to a slab that nothing refers to; returns its number. */
function addPage(file: string): number {
  const bytes = Buffer.concat([readFileSync(file), Buffer.alloc(PAGE_BYTES)])
  const page = bytes.length / PAGE_BYTES - 1
  for (const meta of [0, PAGE_BYTES]) bytes.writeBigUInt64LE(BigInt(page), meta + Meta.lastPage)
  writeFileSync(file, bytes)
  return page
}

function int64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
