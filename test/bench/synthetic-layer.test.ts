import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSyntheticCortex } from '../../bench/synthetic-layer.js'
import { sampleWork } from '../../src/forecast/sample-work.js'
import { migrate } from '../../src/index.js'
import { walkSlab } from '../../src/page/page-walker.js'
import { tempDir } from '../support/fixture.js'

const NODES = 1500
const SLABS = ['layer', 'nodedata', 'splices'] as const
const dir = tempDir()

test('makeSyntheticCortex() writes sound slabs with the dbs of 0.1.58 and the nodes it tells of', async () => {
  const { layer, forms, rows } = await makeSyntheticCortex(join(dir, 'a'), { nodes: NODES })
  const [main, nodedata, splices] = SLABS.map((name) => walkSlab(join(dir, 'a', 'layers', layer, `${name}.lmdb`)))
  assert.deepEqual([...main.complaints, ...nodedata.complaints, ...splices.complaints], [])
  const total = Object.values(forms).reduce((sum, count) => sum + count)
  assert.equal(total, NODES)
  assert.equal(main.mainRows, 1)
  const names =
    'abrv2name by_tp_ftpi by_tp_pi by_tp_tpi bybuid byprop byuniv meta name2abrv name2offs offs2name offsets'
  assert.deepEqual([...main.dbs.keys()], names.split(' '))
  assert.equal(main.dbs.get('bybuid')?.entries, rows.bybuid)
  assert.equal(splices.dbs.get('splices')?.entries, rows.splices)
  assert.equal(nodedata.dbs.get('byname')?.entries, rows.nodedata)
  const values = main.dbs.get('byprop')?.entries ?? 0
  assert.ok(values > 5 * NODES, 'an index row for each value')
})

test('makeSyntheticCortex() makes the same bytes of the same seed, and others of another', async () => {
  const bytes = async (name: string, seed: number) => {
    const { layer } = await makeSyntheticCortex(join(dir, name), { nodes: NODES, seed })
    return SLABS.map((slab) => readFileSync(join(dir, name, 'layers', layer, `${slab}.lmdb`, 'data.mdb')))
  }
  const [one, again, other] = [await bytes('b', 5), await bytes('c', 5), await bytes('d', 6)]
  assert.ok(one.every((slab, i) => slab.equals(again[i])))
  assert.ok(!one[0].equals(other[0]))
})

test('makeSyntheticCortex() with all forms makes nodes of 220 forms, which migrate without an error', async () => {
  const src = join(dir, 'e')
  const { forms } = await makeSyntheticCortex(src, { nodes: NODES, forms: 'all' })
  assert.equal(Object.keys(forms).length, 220)
  const { workload, nodes } = sampleWork(src, { dir, parts: 100, workers: 1, memoryBytes: 2 ** 30 })
  assert.deepEqual([nodes, workload.nodes], [NODES, NODES])
})

test('makeSyntheticCortex() with forks makes layers of partial nodes, which migrate whole with those below', async () => {
  const [srcDir, destDir] = [join(dir, 'f'), join(dir, 'f-dest')]
  const { layer, forks } = await makeSyntheticCortex(srcDir, { nodes: NODES, forks: 2 })
  const { layers } = await migrate({ srcDir, destDir, workers: 1 })
  const migrated = Object.fromEntries(layers.map((summary) => [summary.iden, summary.migrated]))
  assert.deepEqual(migrated, { [layer]: NODES, ...forks })
  assert.ok(layers.every(({ errorCount, spliceErrors, nodeEdits }) => errorCount + spliceErrors === 0 && nodeEdits > 0))
  assert.ok(Object.values(forks).every((changed) => changed > NODES / 20 && changed < NODES / 5))
})
