import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PackMap, type Value } from '../../src/bytes/msgpack.js'
import { openProxy } from '../../src/telepath/client.js'
import type { ChangingCortex } from '../support/changing-cortex.js'
import { seeded } from '../support/sim-clock.js'
import { assertSameRows, type Pair, ServiceProcess, sleep, startPair } from '../support/sync-pair.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const FAULT_SEEDS = Number(process.env.SYNC_FAULT_SEEDS ?? 3)
const FIRST_FAULT_SEED = Number(process.env.SYNC_FAULT_SEED ?? 1)
const PATIENCE_MS = 240_000

/** Storm says yes once everything has come. */
async function cutOver(dest: ChangingCortex): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const said = await dest.storm('migrsync.cutover')
    if (!said.includes('Not ready')) return
    assert.ok(Date.now() < end, said)
    await sleep(500)
  }
}

test('migrsync keeps two Cortexes equal, driven by Storm commands alone', async (t) => {
  const pair = await startPair(t, '200')
  const { source, dest } = pair
  const service = await ServiceProcess.of(pair)
  t.after(() => service.kill())
  await service.start()
  await dest.storm(`service.add migrsync ${service.url}`)
  await dest.storm('$lib.service.wait(migrsync)')
  assert.match(await dest.storm('migrsync.startfromfile'), /Sync started/)
  const before = await source.splices()
  assert.ok((await source.change(1, 5_000)) >= 5_000)
  const after = await source.splices()
  assert.equal(Object.keys(after).filter((iden) => after[iden] > before[iden]).length, 3)
  await sleep(2_000)
  await cutOver(dest)
  assert.equal((await dest.storm('migrsync.status')).match(/\| active /g)?.length, 2 * Object.keys(after).length)
  assert.equal(await dest.migrationMode(), true)
  await assertSameRows(pair)
  assert.match(await dest.storm('migrsync.stopsync'), /Sync stopped/)
  assert.equal(await dest.migrationMode(), false)
})

for (let seed = FIRST_FAULT_SEED; seed < FIRST_FAULT_SEED + FAULT_SEEDS; seed++) {
  test(`migrsync leaves two Cortexes equal after schedule ${seed} of kills and cuts`, async (t) => {
    const pair = await startPair(t, '200', 20 + (seed % 4))
    const [toSource, toDest] = await Promise.all([TcpProxy.listen(pair.source.port), TcpProxy.listen(pair.dest.port)])
    t.after(() => Promise.all([toSource.close(), toDest.close()]))
    const service = await ServiceProcess.of(pair, toSource.url, toDest.url)
    t.after(() => service.kill())
    await service.start()
    await call(service, 'startSyncFromFile')
    const random = seeded(seed)
    for (let i = 0; i < 6; i++) {
      const changed = pair.source.change(seed * 100 + i, 200)
      await sleep(random() * 1_500)
      const what = Math.floor(random() * 6)
      const proxy = random() < 0.5 ? toSource : toDest
      if (what === 0) {
        await service.kill()
        await sleep(random() * 1_000)
        await service.start()
      } else if (what === 1) {
        await pair.dest.kill()
        await sleep(random() * 3_000)
        await pair.dest.start()
      } else if (what === 2) {
        await changed
        await sleep(random() * 700)
        await pair.source.kill()
        await pair.source.start()
      } else if (what === 3) proxy.cut()
      else proxy.cut(1 + Math.floor(random() * 100_000))
      await changed
    }
    await pair.source.change(seed * 100 + 99, 50)
    await inSync(pair, service)
    await assertSameRows(pair)
    assert.equal(await pair.dest.migrationMode(), true)
  })
}

async function call(service: ServiceProcess, method: string, ...args: Value[]): Promise<Value> {
  const proxy = await openProxy(service.url)
  try {
    return await proxy.call(method, args)
  } finally {
    await proxy.close()
  }
}

/** Waits until every layer's offset at the destination is the source's. */
async function inSync({ source }: Pair, service: ServiceProcess): Promise<void> {
  const splices = await source.splices()
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const status = await call(service, 'status')
    assert.ok(status instanceof PackMap)
    const offsets = status.entries.map(
      ([iden, layer]) => [iden, (layer as PackMap).get('dest:nextoffs')] as [string, number],
    )
    const errors = status.entries.map(([, layer]) => (layer as PackMap).get('errcnt'))
    if (offsets.every(([iden, offset]) => splices[iden] === offset)) {
      assert.deepEqual(new Set(errors), new Set([0]))
      return
    }
    assert.ok(Date.now() < end, JSON.stringify([splices, offsets]))
    await sleep(300)
  }
}
