import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSyntheticCortex } from '../../bench/synthetic-layer.js'
import { bytesToWrite } from '../../src/forecast/measure-disk.js'
import { sampleWork } from '../../src/forecast/sample-work.js'
import { Model } from '../../src/model/model.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { migrate, synapseMigrator, tempDir } from '../support/cortex.js'

const NODES = 1500

test('sampleWork() of all parts of a Cortex foretells nodes, rows and bytes that a migration writes', async (t) => {
  const [src, dest, dir] = [tempDir(t), join(tempDir(t), 'dest'), tempDir(t)]
  const { layer } = await makeSyntheticCortex(src, { nodes: NODES })
  const { workload } = sampleWork(src, {
    dir,
    parts: 1000,
    workers: 1,
    memoryBytes: 2 ** 28,
    model: Model.core(),
  })
  assert.equal(workload.nodes, NODES)
  assert.deepEqual(readdirSync(dir), [])

  assert.equal(migrate('--src', src, '--dest', dest, '--workers', '1').status, 0)
  const slabs = ['layer_v2', 'nodedata', 'nodeedits'].map((name) =>
    SlabReader.open(join(dest, 'layers', layer, `${name}.lmdb`)),
  )
  const written = ['bybuid', 'byprop', 'byarray', 'bytag', 'bytagprop', 'dataname', 'nodedata', 'nodeedits']
  const rows = slabs.flatMap((slab) => written.map((name) => slab.db(name)?.entries ?? 0))
  assert.equal(
    workload.rows,
    rows.reduce((sum, count) => sum + count),
  )
  const pages = slabs.reduce((sum, slab) => sum + slab.lastPage + 1, 0)
  const { extract, merge, splices } = workload
  const foretold = (extract.pageBytes + merge.pageBytes + splices.pageBytes) / 4096
  assert.ok(foretold < pages && foretold > 0.9 * pages, `${foretold} of ${pages} pages: all but branches and small dbs`)
  for (const slab of slabs) slab.close()
})

test('bench-disk measures a disk, forecasts a migration, draws it and leaves nothing behind', async (t) => {
  const [src, dir, out] = [tempDir(t), tempDir(t), tempDir(t)]
  await makeSyntheticCortex(src, { nodes: NODES })
  const svg = join(out, 'forecast.svg')
  const { status, stdout, stderr } = synapseMigrator(['bench-disk', dir, '--src', src, '--size', '16M', '--svg', svg])
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /^ {2}written and made durable +\d+ MB\/s$/m)
  assert.match(stdout, /^About [12] k nodes, \d+ k rows to write$/m)
  assert.match(stdout, /^ +64 +\d+\.\d s +(cores|writer thread|disk) +\d+\.\d [MG]iB$/m)
  assert.match(readFileSync(svg, 'utf8'), /^<svg .*<\/svg>\n$/s)
  assert.deepEqual(readdirSync(dir), [])
})

test('bench-disk --json measures a disk without a Cortex', (t) => {
  const dir = tempDir(t)
  const { status, stdout } = synapseMigrator(['bench-disk', dir, '--size', '16M', '--json'])
  assert.equal(status, 0)
  const { schema_version, disk, forecasts } = JSON.parse(stdout)
  // Making rows durable is placing them and more.
  assert.ok(disk.durableRowsPerSecond <= disk.placeRowsPerSecond, JSON.stringify(disk))
  assert.equal(schema_version, 1)
  for (const rate of ['writeBytesPerMs', 'readBytesPerMs', 'placeBytesPerMs', 'placeWorkBytesPerMs', 'fsyncP50Ms'])
    assert.ok(disk[rate] > 0)
  assert.ok(disk.fsyncP50Ms <= disk.fsyncP99Ms)
  assert.deepEqual(forecasts, [])
})

test('bytesToWrite() is what the run writes, within 256 MiB, 8 GiB and a quarter of the free space', () => {
  const gib = 2 ** 30
  assert.equal(bytesToWrite(3 * gib, 100 * gib), 3 * gib)
  assert.equal(bytesToWrite(1e6, 100 * gib), gib / 4)
  assert.equal(bytesToWrite(500 * gib, 100 * gib), 8 * gib)
  assert.equal(bytesToWrite(3 * gib, 4 * gib), gib)
  assert.equal(bytesToWrite(null, 100 * gib), 2 * gib)
})

test('bench-disk refuses --svg without a forecast', (t) => {
  const { status, stderr } = synapseMigrator(['bench-disk', tempDir(t), '--svg', '/dev/null'])
  assert.equal(status, 2)
  assert.match(stderr, /^error: Cannot draw --svg: without --src there is no forecast$/m)
})
