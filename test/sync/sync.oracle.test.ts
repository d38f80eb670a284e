import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Slab } from '../../src/slab/slab.js'
import { Hive } from '../../src/sync/cell/hive.js'
import { LmdbOffsetStore } from '../../src/sync/cell/offset-store.js'
import { LayerSyncs } from '../../src/sync/pipeline.js'
import { openCortex } from '../../src/sync/remote.js'
import type { Release } from '../support/cortex.js'
import { quietLog, simConfig } from '../support/sim-cortex.js'
import { assertSameRows, type Pair, sleep, startPair } from '../support/sync-pair.js'

interface Syncing extends Pair {
  readonly service: LayerSyncs
}

async function syncing(t: TestContext, release: Release): Promise<Syncing> {
  const made = await startPair(t, release)
  const { dir, source, dest, offsfile } = made
  const store = new LmdbOffsetStore(
    await Slab.open(join(dir, 'service', 'migrsync.lmdb')),
    new Hive(await Slab.open(join(dir, 'service', 'cell.lmdb'))),
    (error) => assert.fail(String(error)),
  )
  const config = { ...simConfig, pollS: 1, src: source.url, dest: dest.url, offsfile }
  const service = new LayerSyncs({ config, store, openCortex, log: quietLog })
  t.after(() => service.close())
  return { ...made, service }
}

/** Waits until the destination has acknowledged all that the source has now. */
async function inSync({ source, service }: Syncing): Promise<void> {
  const splices = await source.splices()
  const end = Date.now() + 240_000
  while (!service.state().layers.every(({ iden, pushOffset }) => pushOffset === splices[iden])) {
    assert.ok(Date.now() < end, JSON.stringify(service.state(), null, 1))
    await sleep(50)
  }
}

async function assertEqual(made: Syncing): Promise<void> {
  const errors = made.service.errors().map(({ layer, offset, message }) => `${layer} ${offset} ${message}`)
  assert.deepEqual(errors, [])
  await assertSameRows(made)
}

test('LayerSyncs keeps a 2.8.0 Cortex equal to a 0.1.58 one that changes meanwhile', async (t) => {
  const made = await syncing(t, '280')
  await made.service.startSyncFromFile()
  const before = await made.source.splices()
  assert.ok((await made.source.change(1, 2_000)) >= 2_000)
  const grown = Object.entries(await made.source.splices()).filter(([iden, count]) => count > before[iden])
  assert.equal(grown.length, 3)
  await inSync(made)
  assert.equal(await made.dest.migrationMode(), true)
  await assertEqual(made)
  await made.service.stopSync()
  assert.equal(await made.dest.migrationMode(), false)
})

test('LayerSyncs survives kills of both Cortexes while they change', async (t) => {
  const made = await syncing(t, '200')
  await made.service.startSyncFromFile()
  await made.source.change(1, 500)
  await made.dest.kill()
  await made.source.change(2, 500)
  await made.dest.start()
  await made.source.change(3, 300)
  // A kill loses what LMDB has not synced: only what the source itself still has can be wanted of it.
  await made.source.stop()
  await made.dest.kill()
  await Promise.all([made.dest.start(), made.source.start()])
  await made.source.change(4, 300)
  await inSync(made)
  await assertEqual(made)
  assert.equal(await made.dest.migrationMode(), true)
})
