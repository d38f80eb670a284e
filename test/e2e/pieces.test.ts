import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { walkSlab } from '../../src/page/page-walker.js'
import { tempDir, unpack } from '../support/cortex.js'
import { runMigrator, TINY } from '../support/migrator.js'
import { layerDigests } from '../support/row-digest.js'

test('a migration gives the same bytes in every database, however it is cut and with any number of workers', async (t) => {
  const dir = tempDir(t)
  const srcDir = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const destDir = join(dir, 'whole')
  const { summary, stderr } = await runMigrator({ srcDir, destDir, workers: 1 })
  assert.ok(summary !== undefined, stderr)
  const expected = layerDigests(destDir)
  assert.ok(Object.keys(expected).length >= 12)
  for (const [workers, memoryBytes, pieces] of [
    [1, 1 << 27, TINY],
    // A task takes one partition, or many.
    [2, 1 << 25, { ...TINY, taskBytes: 1 }],
    [8, 1 << 25, { partitionBytes: 20_000, unitBytes: 100_000, rangeBytes: 8192 }],
    // Runs are merged in several levels.
    [2, 1 << 25, { ...TINY, fanIn: { atOnce: 2, most: 1 } }],
    [3, 1 << 27, { ...TINY, taskBytes: 1 << 20, fanIn: { atOnce: 5, most: 6 } }],
    // Less than one chunk may be on its way at a time: every task waits for the writer, again and again.
    [8, 8, TINY],
  ] as const) {
    const cut = join(dir, `cut-${workers}-${memoryBytes}`)
    const run = await runMigrator({ srcDir, destDir: cut, workers, memoryBytes, pieces })
    assert.ok(run.summary !== undefined, run.stderr)
    const what = `${workers} workers, ${memoryBytes} bytes, ${JSON.stringify(pieces)}`
    assert.deepEqual(layerDigests(cut), expected, what)
    assert.deepEqual(run.summary.layers, summary.layers, what)
    for (const slab of Object.keys(expected)) {
      assert.deepEqual(walkSlab(join(cut, 'layers', `${slab}.lmdb`)).complaints, [], `${what}: ${slab}`)
    }
    for (const work of ['build', 'runs', 'snapshot', 'run.lock']) {
      assert.equal(existsSync(join(cut, 'migration', work)), false, `${what} leaves ${work}`)
    }
  }
})
