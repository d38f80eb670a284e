import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { readMigrationLog } from '../../src/dest/migration-log.js'
import { cortexPaths } from '../../src/layout/paths.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { MemorySlab } from '../../src/slab/memory-slab.js'
import type { Row } from '../../src/slab/slab.js'
import { readSource } from '../../src/source/cortex-dir.js'
import type { MigrOp } from '../../src/step/context.js'
import { CELL_STEPS } from '../../src/step/steps.js'
import { type CellSlabName, cellRows } from '../../src/verify/cell-rows.js'
import { expectedCell } from '../../src/verify/expected-cell.js'
import { copyCortex, migrate, synapseMigrator, tempDir } from '../support/cortex.js'
import { demo } from '../support/nexus-demo.js'
import { del, type Plant, plant, put, rowsOf } from '../support/plant.js'
import { verify } from '../support/verify.js'

test('verify misses the numbers of queues', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const slab = cortexPaths(dest).slab('queues')
  const dbs = ['byts2abrv', 'abrv2byts'].map((name) => `cortex:queue:abrv:${name}`)
  const numbers = dbs.flatMap((db) => rowsOf(slab, db).map(({ key }) => del(db, key)))
  assert.ok(numbers.length >= 8)
  plant(slab, numbers)
  const report = verify(demo.src, dest, 7)
  assert.equal(report.differences.length, numbers.length)
  assert.ok(report.differences.every(({ kind, place }) => kind === 'missing' && place === 'queues.lmdb'))
})

test('verify finds permissions that were opened or taken away, and a trigger that was switched', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const slab = cortexPaths(dest).slab('cell')
  const hive = rowsOf(slab, 'hive')
  const find = (path: RegExp, has: (value: Value) => boolean = () => true): Row => {
    const row = hive.find(({ key, value }) => path.test(text(key)) && has(decode(value)))
    assert.ok(row, String(path))
    return row
  }
  const isFull = (value: Value) => Array.isArray(value) && value.length > 0
  const role = find(/^auth\/roles\/\w+\/rules$/, isFull)
  const roles = find(/^auth\/users\/\w+\/roles$/)
  const admin = find(/^auth\/authgates\/[^/]+\/users\/\w+\/admin$/)
  const rules = find(/^auth\/users\/\w+\/rules$/, isFull)
  const read = find(/^auth\/authgates\/\w+\/roles\/\w+\/rules$/, isFull)
  const trigger = find(/^cortex\/views\/\w+\/triggers\/\w+$/)
  const tdef = decode(trigger.value) as PackMap
  const switched = tdef.entries.map(([name, value]): [Value, Value] => [name, name === 'enabled' ? !value : value])
  plant(slab, [
    put('hive', role.key, encode([[true, []]])),
    del('hive', roles.key),
    del('hive', admin.key),
    put('hive', rules.key, encode([])),
    put('hive', read.key, encode([])),
    put('hive', trigger.key, encode(new PackMap(switched))),
  ])
  const report = verify(demo.src, dest, 7)
  assert.deepEqual(
    report.differences.map(({ kind, place, row }) => `${kind} ${place} ${row}`).sort(),
    [
      ...[role, rules, read, trigger].map(({ key }) => `different hive ${text(key)}`),
      ...[roles, admin].map(({ key }) => `missing hive ${text(key)}`),
    ].sort(),
  )
})

test('cellRows() finds each single row of hive, queues and step records that is altered, deleted or added', async (t) => {
  const paths = cortexPaths(demo.dest)
  const expected = await expectedOf(demo.src, demo.dest)
  t.after(() => expected.close())
  let changes = 0
  for (const [name, path] of Object.entries({
    cell: paths.slab('cell'),
    queues: paths.slab('queues'),
    log: paths.migration.log,
  }) as [CellSlabName, string][]) {
    const slab = SlabReader.open(path)
    t.after(() => slab.close())
    const found = new MemorySlab(slab)
    assert.deepEqual(cellRows(name, expected[name], found).differences, [], name)
    const differences = () => cellRows(name, expected[name], found).differences
    for (const db of found.dbNames()) {
      const rows = found.db(db)
      const isOfStep = ({ key }: Row) => name !== 'log' || /^(chkvalid|cell|dmodel|hivelyr|triggers|cron|hiveauth|queues)\//.test(text(key))
      for (const { key, value } of [...rows.rows()].filter(isOfStep)) {
        for (const wrong of [encode('altered'), Uint8Array.from([...value, 0]), null]) {
          if (wrong === null) rows.delete(key)
          else rows.put(key, wrong)
          const kind = wrong === null ? 'missing' : 'different'
          assert.deepEqual(differences().map((difference) => difference.kind), [kind], `${name} ${db} ${text(key)}`)
          rows.put(key, value)
          changes++
        }
      }
      const stranger = Buffer.from(name === 'log' ? 'cell\0error\0stranger' : 'stranger')
      rows.put(stranger, encode(1))
      assert.deepEqual(differences().map(({ kind }) => kind), ['extra'], `${name} ${db}`)
      rows.delete(stranger)
    }
    found.db('stranger')
    assert.deepEqual(differences().map(({ kind, row }) => `${kind} ${row}`), ['extra stranger the database'])
  }
  assert.ok(changes > 1000, String(changes))
}) // biome-ignore format: short

test('verify finds each file that is changed, missing or added, and rows of slabs that are only copied', (t) => {
  const dir = tempDir(t)
  const src = copyCortex(demo.src, join(dir, 'src'))
  mkdirSync(join(src, 'certs', 'users'))
  writeFileSync(join(src, 'certs', 'users', 'ann.key'), 'secret')
  writeFileSync(join(src, 'certs', 'users', 'big.crt'), Buffer.alloc(3 << 20, 1))
  const clean = join(dir, 'clean')
  assert.equal(migrate('--src', src, '--dest', clean, '--migr-ops', 'dirn', 'cell', 'hiveauth').status, 8)
  const fresh = verify(src, clean, 0)
  assert.ok(fresh.cell.files > 10 && fresh.cell.slabs > 2)
  const dest = copyCortex(clean, join(dir, 'dest'))
  const at = (...path: string[]) => join(dest, ...path)
  const big = Buffer.alloc(3 << 20, 1)
  big[(2 << 20) + 5] = 2
  writeFileSync(at('certs', 'users', 'big.crt'), big)
  rmSync(at('certs', 'users', 'ann.key'))
  writeFileSync(at('certs', 'stranger.crt'), 'x')
  writeFileSync(at('cookie.secret'), 'y')
  writeFileSync(at('cell.yaml'), '---\nauth:passwd: other\n...\n')
  writeFileSync(at('migration', 'boot.yaml'), '')
  const hierarchy = readdirSync(at('migration')).find((name) => name.startsWith('authhier_'))
  assert.ok(hierarchy)
  writeFileSync(at('migration', hierarchy), encode(new PackMap([])))
  writeFileSync(at('slabs', 'cell.opts.yaml'), 'other: 1\n')
  cpSync(at('slabs', 'queues.lmdb'), at('slabs', 'more.lmdb'), { recursive: true })
  writeFileSync(at('mine.txt'), 'z')
  rmSync(at('axon', 'axon.lmdb'), { recursive: true })
  const blobs = rowsOf(at('axon', 'slabs', 'cell.lmdb'), 'hive')
  plant(at('axon', 'slabs', 'cell.lmdb'), [del('hive', blobs[0].key), put('hive', blobs[1].key, encode('planted'))])
  const report = verify(src, dest, 7)
  assert.deepEqual(report.differences.map(({ kind, place, row }) => `${kind} ${place} ${row}`).sort(), [
    `different axon/slabs/cell.lmdb hive ${text(blobs[1].key)}`,
    'different cell.yaml the content',
    'different certs/users/big.crt the content',
    'different cookie.secret the content',
    'different migration/authhier_-1.mpk the content',
    'different migration/boot.yaml the content',
    'different slabs/cell.opts.yaml the content',
    'extra certs/stranger.crt the file',
    'extra slabs/more.lmdb the slab',
    'missing axon/axon.lmdb the slab',
    `missing axon/slabs/cell.lmdb hive ${text(blobs[0].key)}`,
    'missing certs/users/ann.key the file',
  ])
  assert.deepEqual(report.notCompared, [
    'what the steps dmodel, hivelyr, triggers, cron, queues, nodes, nodedata, splices make: they were not run',
    '"mine.txt", which is not of the source',
  ])
}) // biome-ignore format: a list

test('verify finds what is wrong with the nexus log', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const slab = cortexPaths(dest).slab('nexus')
  const rows = rowsOf(slab, 'nexuslog')
  const check = (...changes: Plant[]) => {
    plant(slab, changes)
    const { differences } = verify(demo.src, dest, 7)
    plant(slab, rows.map(({ key, value }) => put('nexuslog', key, value)))
    return differences.map(({ kind, place, row }) => `${kind} ${place} ${row.replace(/\w{32}/, 'IDEN')}`)
  }
  const [iden, name, [edits, meta], ...maps] = decode(rows[0].value) as [string, string, [Value[], PackMap], ...Value[]]
  const fewer = encode([iden, name, [edits.slice(1), meta], ...maps])
  assert.deepEqual(check(put('nexuslog', rows[0].key, fewer)), [
    `different nexus.lmdb node edits of layer IDEN: ${count(rows, iden)} expected, ${count(rows, iden) - 1} found`,
  ])
  assert.deepEqual(check(put('nexuslog', rows[2].key, encode('planted'))).length, 2)
  assert.deepEqual(check(del('nexuslog', rows.at(-1)?.key ?? rows[0].key)), [
    `missing nexus.lmdb nexuslog ${Buffer.from(rows.at(-1)?.key ?? []).readBigUInt64BE()}`,
  ])
  assert.equal(verify(demo.src, dest, 0).ok, true)
  assert.deepEqual(check(put('nexs:indx', Buffer.from('nexs:indx'), Buffer.alloc(8))), ['extra nexus.lmdb nexs:indx the database'])
}) // biome-ignore format: a list

test('verify finds each slab of a layer that is gone, empty ones too, and compares the rest', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const layer = cortexPaths(dest).layer('2509b8f52972b481ad6d8bd538faf9a1')
  for (const slab of ['layer_v2', 'nodedata', 'nodeedits'] as const) {
    rmSync(layer.slab(slab), { recursive: true })
    const { differences } = verify(demo.src, dest, 7)
    const gone = differences.filter(({ kind, row }) => kind === 'missing' && row === 'the slab')
    assert.deepEqual(gone.map(({ place }) => place), [`${slab}.lmdb`])
    copyCortex(join(demo.dest, relative(dest, layer.slab(slab))), layer.slab(slab))
  }
}) // biome-ignore format: a list

test('verify says what it does not compare of a destination on which Synapse has been started', (t) => {
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const cell = cortexPaths(dest).slab('cell')
  const version = Buffer.from('cellinfo\0synapse:version')
  plant(cell, [put('hive', version, encode([2, 8, 0])), put('cell:vers', Buffer.from('x'), encode(1))])
  plant(join(dest, 'axon', 'slabs', 'cell.lmdb'), [
    put('hive', version, encode([2, 8, 0])),
    put('hive', Buffer.from(`auth\0roles\0${'1'.repeat(32)}`), encode('all')),
  ])
  plant(cortexPaths(dest).slab('nexus'), [put('nexs:indx', Buffer.from('nexs:indx'), Buffer.alloc(8))])
  writeFileSync(join(dest, 'slabs', 'drive.opts.yaml'), 'x')
  const { status, stdout } = synapseMigrator(['verify', '--src', demo.src, '--dest', dest])
  assert.equal(status, 0, stdout)
  assert.match(stdout, /^note: Synapse 2\.8\.0 has been started on the destination: differences are to be expected$/m)
  assert.deepEqual(stdout.split('\n').filter((line) => line.startsWith('not compared: ')), [
    'not compared: hive row cellinfo/synapse:version, which Synapse 2.8.0 has written',
    'not compared: databases that Synapse 2.8.0 has made in cell.lmdb: cell:vers',
    'not compared: the nexus log, to which Synapse 2.8.0 writes',
    'not compared: what Synapse 2.8.0 has added since: files, databases, and rows of copied slabs',
  ])
  assert.match(stdout, /^No differences in what was compared; the migration log holds 1 error$/m)
  const users = rowsOf(cell, 'hive').filter(({ key }) => /^auth\/users\/\w+$/.test(text(key)))
  plant(cell, [del('hive', users[0].key)])
  assert.deepEqual(verify(demo.src, dest, 7).differences.map(({ kind, row }) => `${kind} ${row}`), [
    `missing ${text(users[0].key)}`,
  ])
}) // biome-ignore format: a list

test('verify --sample compares hive and queues whole, and says what it left out', (t) => {
  const args = (dest: string) => ['verify', '--src', demo.src, '--dest', dest, '--sample', '3']
  const { status, stdout } = synapseMigrator(args(demo.dest))
  assert.equal(status, 0)
  assert.match(stdout, /^ {2}hive, queues and log of steps: [\d,]+ rows; 0 differences$/m)
  assert.match(stdout, /^not compared: nodes that were not chosen, index rows that are too many, the history, pages and statistics of the layers$/m)
  assert.match(stdout, /^not compared: files, the axon, the nexus log, and other slabs that are only copied$/m)
  assert.match(stdout, /^No differences in what was compared; the migration log holds 1 error$/m)
  const dest = copyCortex(demo.dest, join(tempDir(t), 'dest'))
  const cell = cortexPaths(dest).slab('cell')
  plant(cell, [del('hive', rowsOf(cell, 'hive')[20].key)])
  assert.equal(synapseMigrator(args(dest)).status, 7)
}) // biome-ignore format: short

/** What the steps that were done must have made. */
function expectedOf(srcDir: string, destDir: string) {
  const { cellGuid, layers } = readSource(srcDir)
  const done = new Set((readMigrationLog(destDir) ?? []).filter(({ logtyp }) => logtyp === 'prog').map(({ migrop }) => migrop))
  const steps = new Set((Object.keys(CELL_STEPS) as MigrOp[]).filter((step) => done.has(step)))
  assert.equal(steps.size, Object.keys(CELL_STEPS).length)
  const idens = layers.map(({ iden }) => iden)
  return expectedCell({ srcDir, destDir, cellGuid: cellGuid ?? '', steps, layers: idens, destDedicated: false })
} // biome-ignore format: short

/** Node edits of a layer in rows of the nexus log. */
function count(rows: readonly Row[], layer: string): number {
  const batches = rows.map(({ value }) => decode(value) as [string, string, [Value[]]])
  return batches.reduce((sum, [iden, , [edits]]) => sum + (iden === layer ? edits.length : 0), 0)
}

function text(key: Uint8Array): string {
  return Buffer.from(key).toString('utf8').replaceAll('\0', '/')
}
