import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChangingCortex } from '../support/changing-cortex.js'
import { assertSameRows, ServiceProcess, sleep, startPair } from '../support/sync-pair.js'

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
