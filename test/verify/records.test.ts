import assert from 'node:assert/strict'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { readErrorRecords } from '../../src/dest/error-records.js'
import { cortexPaths } from '../../src/layout/paths.js'
import { PAGE_BYTES } from '../../src/page/format.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { copyCortex, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { del, type Plant, plant, put, rowsOf } from '../support/plant.js'
import { verify } from '../support/verify.js'

const LAYER = '0b4eb4d9fb9d979464a52b2b803afb03'

/** The demo Cortex and what becomes of it, made once; tests change copies. */
const demo = (() => {
  const dir = tempDir({ after })
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '2').status, 8)
  return { src, dest }
})()

test('verify finds each row that the log has of a layer when it is altered, deleted or added', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const log = cortexPaths(dest).migration.log
  const rows = rowsOf(log, 'migr').filter(({ key }) => /^(nodes|nodedata|splices)\0(?!error)/.test(latin1(key)))
  assert.ok(rows.length > 60, String(rows.length))
  const stranger = Buffer.from(`nodes\0nextoffs\0${'f'.repeat(32)}`)
  const altered = rows.map(({ key }): Plant => put('migr', key, encode('altered')))
  plant(log, [...altered, put('migr', stranger, encode([0, 1]))])
  const wanted = rows.map(({ key }) => `different ${row(key)}`)
  assert.deepEqual(found(dest), [...wanted, `extra ${row(stranger)}`].sort())
  plant(log, [...rows.map(({ key }) => del('migr', key)), del('migr', stranger)])
  assert.deepEqual(found(dest), rows.map(({ key }) => `missing ${row(key)}`).sort())
  const one = (value: Value): Value => (Array.isArray(value) ? [one(value[0]), ...value.slice(1)] : typeof value === 'number' ? value + 1 : 0)
  const counted = rows.filter(({ key }) => !/\0prog\0/.test(latin1(key)))
  plant(log, rows.map(({ key, value }) => put('migr', key, counted.some((row) => row.key === key) ? encode(one(decode(value))) : value)))
  assert.deepEqual(found(dest), counted.map(({ key }) => `different ${row(key)}`).sort())
}) // biome-ignore format: short

test('verify finds what no step writes into the migration log, and errors of layers that were not migrated', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const stranger = 'f'.repeat(32)
  const error = (layer: Value) => encode(new PackMap([['mesg', 'lost'], ['layer', layer], ['rule', 'FORM']]))
  const rows: [string, Uint8Array][] = [
    ['backup\0prog\0cortex', encode(1)],
    ['backup\0error\0cortex', encode(1)],
    ['dmodel\0skip\0cortex', encode(1)],
    ['no key of the log', encode(1)],
    [`nodes\0error\0${'a'.repeat(32)}`, error(stranger)],
    [`nodedata\0error\0${'b'.repeat(32)}`, error(null)],
    [`splices\0error\0${stranger}:0000000000000001`, error(stranger)],
  ]
  plant(cortexPaths(dest).migration.log, rows.map(([key, value]) => put('migr', Buffer.from(key), value)))
  assert.deepEqual(found(dest), rows.map(([key]) => `extra ${row(Buffer.from(key))}`).sort())
}) // biome-ignore format: short

test('verify tells how many errors of all steps the migration log holds, without notes', () => {
  const { stdout } = synapseMigrator(['verify', '--src', demo.src, '--dest', demo.dest])
  assert.match(stdout, /^No differences; the migration log holds 1 error$/m)
  assert.equal(verify(demo.src, demo.dest, 0).errorCount, 1)
})

test('verify finds a splice that is neither a node edit nor, whole, in the migration log', (t) => {
  const dir = tempDir(t)
  const src = copyCortex(demo.src, join(dir, 'src'))
  const splices = cortexPaths(src).layer(LAYER).slab('splices')
  const cut = rowsOf(splices, 'splices').slice(10, 13)
  plant(splices, cut.map(({ key, value }) => put('splices', key, value.subarray(0, 9))))
  const dest = join(dir, 'dest')
  migrate('--src', src, '--dest', dest)
  assert.equal(verify(src, dest, 0).errorCount, 4)
  const log = cortexPaths(dest).migration.log
  const records = rowsOf(log, 'migr').filter(({ key }) => latin1(key).startsWith('splices\0error'))
  assert.equal(records.length, 3)
  const [altered, moved] = records
  const elsewhere = Buffer.from(`splices\0error\0${LAYER}:0000000000000900`)
  plant(log, [put('migr', altered.key, moved.value), del('migr', moved.key), put('migr', elsewhere, moved.value)])
  const { differences } = verify(src, dest, 7)
  assert.deepEqual(
    differences.map(({ kind, place, layer, row }) => [kind, place, layer, row]).sort(),
    [['different', 10], ['missing', 11]].map(([kind, at]) => [kind, 'errors', LAYER, `splices record of the migration log, splice ${at}`]),
  )
}) // biome-ignore format: short

test('verify finds what is changed in the files from which a sync starts', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const file = (name: string) => join(cortexPaths(dest).migration.dir, name)
  const change = (name: string, ...changes: [string | RegExp, string][]) => {
    const text = readFileSync(file(name), 'utf8')
    const changed = changes.reduce((before, [from, to]) => before.replace(from, to), text)
    assert.notEqual(changed, text)
    writeFileSync(file(name), changed)
  }
  const stranger = 'f'.repeat(32)
  const others = ['0fbc4c20f736e00c4e12db134feaf04c', '2509b8f52972b481ad6d8bd538faf9a1', 'b64b74b3527f791d064f62576bcb3042']
  change('lyroffs.yaml', ['nextoffs: 1394', 'nextoffs: 1393'], ['nextoffs: 132', "nextoffs: '132'"], [/(0fbc\w+:\n +created: )\d/, '$19'], [others[2], stranger])
  change('migrvers.yaml', ['58', '57'], [LAYER, stranger], ['  nodedata:', '  other:'])
  assert.deepEqual(found(dest), [
    ...[LAYER, others[0], others[1]].map((iden) => `different migration/lyroffs.yaml layer ${iden}`),
    ...['dest:cortex', 'src:cortex', 'src:model'].map((name) => `different migration/migrvers.yaml ${name}`),
    `extra migration/lyroffs.yaml layer ${stranger}`,
    `missing migration/lyroffs.yaml layer ${others[2]}`,
  ])
  writeFileSync(file('lyroffs.yaml'), 'a: [')
  rmSync(file('migrvers.yaml'))
  const [unreadable, missing] = found(dest)
  assert.match(unreadable, /^different migration\/lyroffs\.yaml Cannot read ".*": /)
  assert.equal(missing, 'missing migration/migrvers.yaml the file')
}) // biome-ignore format: short

test('verify finds what no migration has made below layers', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const { layers, slab } = cortexPaths(dest)
  mkdirSync(join(layers, '1'.repeat(32), 'layer_v2.lmdb'), { recursive: true })
  writeFileSync(join(layers, 'note.txt'), 'x')
  copyCortex(cortexPaths(demo.src).layer(LAYER).slab('layer'), join(layers, LAYER, 'layer.lmdb'))
  writeFileSync(join(layers, LAYER, 'nodedata.lmdb', 'data.mdb.old'), 'x')
  writeFileSync(join(layers, LAYER, 'nodedata.opts.yaml'), 'map_size: 1\n')
  rmSync(join(layers, LAYER, 'nodeedits.opts.yaml'))
  rmSync(cortexPaths(dest).slab('nexus').replace(/lmdb$/, 'opts.yaml'))
  assert.deepEqual(found(dest), [
    `different layers/${LAYER}/nodedata.opts.yaml the content`,
    `extra layers/${LAYER}/layer.lmdb the directory`,
    `extra layers/${LAYER}/nodedata.lmdb/data.mdb.old the file`,
    `extra layers/${'1'.repeat(32)} the directory`,
    'extra layers/note.txt the file',
    `missing layers/${LAYER}/nodeedits.opts.yaml the file`,
    'missing slabs/nexus.opts.yaml the file',
  ])
  plant(slab('cell'), [put('hive', Buffer.from('cellinfo\0synapse:version'), encode([2, 8, 0]))])
  const { notCompared } = verify(demo.src, dest, 0)
  assert.ok(
    notCompared.some((what) => what.startsWith('what Synapse 2.8.0 may have made or changed below layers: layers/')),
  )
})

test('verify names the steps of layers that were not run, and finds a fresh migration to be the same', (t) => {
  const dir = tempDir(t)
  for (const [ops, left] of [
    [
      ['dirn', 'nodes'],
      ['nodedata', 'splices'],
    ],
    [
      ['dirn', 'splices'],
      ['nodes', 'nodedata'],
    ],
  ]) {
    const dest = join(dir, ops.join('-'))
    migrate('--src', demo.src, '--dest', dest, '--migr-ops', ...ops)
    const cell = ['cell', 'dmodel', 'hivelyr', 'triggers', 'cron', 'hiveauth', 'queues']
    assert.deepEqual(verify(demo.src, dest, 0).notCompared, [
      `what the steps ${[...cell, ...left].join(', ')} make: they were not run`,
    ])
  }
})

test('verify passes a layer without node data and without a log of splices', (t) => {
  const dir = tempDir(t)
  const src = copyCortex(demo.src, join(dir, 'src'))
  for (const iden of ['0fbc4c20f736e00c4e12db134feaf04c', LAYER]) {
    rmSync(cortexPaths(src).layer(iden).slab('splices'), { recursive: true })
    rmSync(cortexPaths(src).layer(iden).slab('nodedata'), { recursive: true })
  }
  const dest = join(dir, 'dest')
  migrate('--src', src, '--dest', dest)
  assert.deepEqual(verify(src, dest, 0).notCompared, [])
})

test('verify says that a newer Synapse has rewritten the nodes of a layer, not that they are missing', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const { slab, layer } = cortexPaths(dest)
  plant(slab('cell'), [put('hive', Buffer.from('cellinfo\0synapse:version'), encode([2, 256, 0]))])
  const path = layer(LAYER).slab('layer_v2')
  rmSync(path, { recursive: true })
  plant(path, [put('bybuidv3', Buffer.alloc(32, 1), encode([])), put('layer:meta', Buffer.from('version'), encode(11))])
  const { status, stdout } = synapseMigrator(['verify', '--src', demo.src, '--dest', dest])
  assert.equal(status, 0, stdout)
  assert.ok(
    stdout.includes(
      `not compared: nodes, node data and indexes of layer ${LAYER}: a newer Synapse has rewritten them to another layout (bybuidv3)`,
    ),
    stdout,
  )
  assert.match(stdout, /^No differences in what was compared; the migration log holds 1 error$/m)
})

test('verify says that it did not compare the indexes of a layer whose nodes cannot be read', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const path = cortexPaths(dest).layer(LAYER).slab('layer_v2')
  const slab = SlabReader.open(path)
  const { root } = slab.db('bybuid')?.record ?? { root: 0 }
  slab.close()
  const fd = openSync(join(path, 'data.mdb'), 'r+')
  writeSync(fd, Buffer.alloc(64, 0xff), 0, 64, root * PAGE_BYTES)
  closeSync(fd)
  const { notCompared } = verify(demo.src, dest, 7)
  assert.deepEqual(notCompared, [
    `indexes, counts by form and abbreviations of layer ${LAYER}: pages of its slabs are damaged`,
  ])
})

test('node data left over of a deleted node is no error in what verify counts', (t) => {
  const dir = tempDir(t)
  const src = copyCortex(demo.src, join(dir, 'src'))
  const data = cortexPaths(src).layer(LAYER).slab('nodedata')
  const [{ key, value }] = rowsOf(data, 'bybuid')
  plant(data, [put('bybuid', Buffer.concat([Buffer.alloc(32, 0x11), key.subarray(32)]), value)])
  const dest = join(dir, 'dest')
  migrate('--src', src, '--dest', dest)
  const codes = [...(readErrorRecords(dest) ?? [])].filter(({ layer }) => layer === LAYER).map(({ code }) => code)
  assert.deepEqual(codes, ['DELETED'])
  assert.deepEqual(verify(src, dest, 0).layers.map(({ errors }) => errors), [0, 0, 0, 0])
}) // biome-ignore format: short

function found(dest: string): string[] {
  return verify(demo.src, dest, 7)
    .differences.map(({ kind, place, row }) => `${kind} ${place} ${row}`)
    .sort()
}

function row(key: Uint8Array): string {
  return `migr.lmdb ${latin1(key).replaceAll('\0', ' ')}`
}

function latin1(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1')
}
