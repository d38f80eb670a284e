import assert from 'node:assert/strict'
import { appendFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Slab } from '../../src/slab/slab.js'
import { Hive } from '../../src/sync/cell/hive.js'
import { LmdbOffsetStore } from '../../src/sync/cell/offset-store.js'
import { LayerSyncs } from '../../src/sync/pipeline.js'
import { openCortex } from '../../src/sync/remote.js'
import { copyCortex, type Release } from '../support/cortex.js'
import { quietLog, simConfig } from '../support/sim-cortex.js'
import { type Pair, sleep, startPair } from '../support/sync-pair.js'

/** Starts services on the directory of the pair, one after the other. */
async function services(t: TestContext, { dir, source, dest, offsfile }: Pair): Promise<() => LayerSyncs> {
  const store = new LmdbOffsetStore(
    await Slab.open(join(dir, 'service', 'migrsync.lmdb')),
    new Hive(await Slab.open(join(dir, 'service', 'cell.lmdb'))),
    (error) => assert.fail(String(error)),
  )
  const config = { ...simConfig, pollS: 1, src: source.url, dest: dest.url, offsfile, noMigrationMode: true }
  return () => {
    const service = new LayerSyncs({ config, store, openCortex, log: quietLog })
    t.after(() => service.close())
    return service
  }
}

/** Copies a destination at rest, so that it can be put back. */
async function backupDest({ dir, dest }: Pair): Promise<() => void> {
  await dest.stop()
  copyCortex(dest.dir, join(dir, 'dest-backup'))
  await dest.start()
  return () => {
    rmSync(dest.dir, { recursive: true })
    copyCortex(join(dir, 'dest-backup'), dest.dir)
  }
}

/** TRUTH_RELEASES="200 280" tries more: each takes a minute. */
const RELEASES = (process.env.TRUTH_RELEASES ?? '200').split(' ') as Release[]
for (const release of RELEASES) {
  test(`a ${release} destination that was put back and has grown past our index ends its layer; what others add does not`, async (t: TestContext) => {
    const pair = await startPair(t, release)
    const { source, dest } = pair
    const putBack = await backupDest(pair)
    const next = await services(t, pair)
    const first = next()
    await first.startSyncFromFile()
    await source.change(1, 200)
    assert.deepEqual((await first.untilCaughtUp()).cutoverBlockers, [])
    // What was acknowledged is settled.
    await sleep(12_000)
    await first.close()
    await dest.storm('[ inet:ipv4=5.5.5.5 ]')
    const second = next()
    assert.deepEqual((await second.untilCaughtUp()).cutoverBlockers, [])
    await second.close()

    await dest.stop()
    putBack()
    await dest.start()
    const nodes = Array.from({ length: 300 }, (_, i) => `inet:asn=${i + 1}`)
    assert.equal(await dest.storm(`[ ${nodes.join(' ')} ]`), '')
    const third = next()
    await assert.rejects(third.untilCaughtUp(), /no longer holds what was written/)
    assert.equal((await third.ask()).canCutover, false)
    await third.close()

    await dest.stop()
    putBack()
    await dest.start()
    const last = next()
    assert.deepEqual((await last.untilCaughtUp()).cutoverBlockers, [])
    await last.close()
  })
}

test('a source whose splices are switched off is seen by its nodes, and what cannot be seen is said', async (t: TestContext) => {
  const pair = await startPair(t, '200')
  const { source } = pair
  const service = (await services(t, pair))()
  await service.startSyncFromFile()
  await service.untilCaughtUp()
  await source.change(1, 100)
  const before = await service.untilCaughtUp()
  assert.deepEqual(before.cutoverBlockers, [])
  assert.match(before.notLookedAt[0], /^Splices are on/)

  await source.stop()
  appendFileSync(join(source.dir, 'cell.yaml'), 'splice:en: false\n')
  await source.start()
  const splices = await source.splices()
  await source.storm('inet:ipv4 | limit 1 | [ :loc=changed.without.splice ]')
  assert.deepEqual(await source.splices(), splices)
  const quiet = await service.untilCaughtUp()
  assert.deepEqual(quiet.cutoverBlockers, [])
  assert.match(quiet.notLookedAt[0], /^Whether splices are on/)

  await source.storm('[ inet:fqdn=made.without.splice.com ]')
  const off = await service.untilCaughtUp()
  assert.equal(off.canCutover, false)
  assert.match(off.cutoverBlockers.join(), /made at the source without splices/)
  await service.close()
})
