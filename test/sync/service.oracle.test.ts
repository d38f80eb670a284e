import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  assertSameRows,
  type Pair,
  type RowDifference,
  ServiceProcess,
  sleep,
  startPair,
} from '../support/sync-pair.js'

const PATIENCE_MS = 240_000
const KINDS = ['node:add', 'node:del', 'prop:del', 'prop:set', 'tag:add', 'tag:del', 'tag:prop:del', 'tag:prop:set']

/** Waits until the status shows every splice of the source at the destination; then Storm must say yes. */
async function cutOver({ source, dest }: Pair): Promise<void> {
  const tips = await source.splices()
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const status = await dest.storm('migrsync.status')
    const offsets = [...status.matchAll(/^Layer: (\w{32})[\s\S]*?^ dest \|[^|]*\|[^|]*\| ([\d,]+)/gm)]
    assert.ok(offsets.length > 0, status)
    const isThere = offsets.every(([, iden, offset]) => Number(offset.replaceAll(',', '')) === tips[iden])
    const said = isThere ? await dest.storm('migrsync.cutover') : status
    if (isThere && !said.includes('Not ready')) return
    assert.ok(Date.now() < end, said)
    await sleep(500)
  }
}

/** Adds the service to the destination and starts it, changes three layers of the source meanwhile, and waits until all has come. */
async function syncByStorm(pair: Pair, service: ServiceProcess): Promise<void> {
  const { source, dest } = pair
  await service.start()
  await dest.storm(`service.add migrsync ${service.url}`)
  await dest.storm('$lib.service.wait(migrsync)')
  assert.match(await dest.storm('migrsync.startfromfile'), /Sync started/)
  const [before, kindsBefore] = [await source.splices(), await source.kinds()]
  assert.ok((await source.change(1, 5_000)) >= 5_000)
  const [after, kindsAfter] = [await source.splices(), await source.kinds()]
  assert.equal(Object.keys(after).filter((iden) => after[iden] > before[iden]).length, 3)
  const grown = Object.keys(kindsAfter).filter((kind) => kindsAfter[kind] > (kindsBefore[kind] ?? 0))
  assert.deepEqual(grown.sort(), KINDS)
  await cutOver(pair)
  assert.equal((await dest.storm('migrsync.status')).match(/\| active /g)?.length, 2 * Object.keys(after).length)
}

test('migrsync keeps a 2.0.0 Cortex equal, driven by Storm commands alone', async (t) => {
  const pair = await startPair(t, '200')
  const { source, dest } = pair
  const service = await ServiceProcess.of(pair)
  t.after(() => service.kill())
  await syncByStorm(pair, service)
  assert.equal(await dest.migrationMode(), true)
  await assertSameRows(pair)

  // What the model is given at the source while the sync runs comes before the nodes that need it.
  await source.call('addFormProp', 'inet:ipv4', '_late', ['int', {}], { doc: 'late' })
  await source.call('addUnivProp', '_later', ['str', {}], { doc: 'later' })
  await source.call('addTagProp', 'latest', ['int', {}], { doc: 'latest' })
  await source.storm('[inet:ipv4=1.2.3.4 :_late=5 ._later=x +#late] [+#late:latest=7]')
  await cutOver(pair)
  assert.match(await dest.storm('migrsync.errors'), /^Errors: 0$/m)
  await assertSameRows(pair)
  const said = 'inet:ipv4=1.2.3.4 $lib.print("{a} {b} {c}", a=:_late, b=._later, c=#late:latest)'
  assert.match(await dest.storm(said), /^5 x 7$/m)

  for (const [mode, isOn] of [
    ['disable', false],
    ['enable', true],
    ['auto', true],
  ] as const) {
    assert.match(await dest.storm(`migrsync.migrationmode.${mode}`), /^migrationMode successfully /m)
    assert.equal(await dest.migrationMode(), isOn, mode)
  }
  assert.match(await dest.storm('migrsync.stopsync'), /Sync stopped/)
  assert.equal(await dest.migrationMode(), false)
  assert.equal(
    (await dest.storm('migrsync.status')).match(/\| cancelled /g)?.length,
    2 * Object.keys(await source.splices()).length,
  )
})

test('migrsync names model extensions that the destination lacks when it may not add them', async (t) => {
  const pair = await startPair(t, '200')
  const { source, dest } = pair
  const service = await ServiceProcess.of(pair, source.url, dest.url, ['--model-sync', 'off'])
  t.after(() => service.kill())
  await service.start()
  await dest.storm(`service.add migrsync ${service.url}`)
  await dest.storm('$lib.service.wait(migrsync)')
  await source.call('addFormProp', 'inet:ipv4', '_late', ['int', {}], { doc: 'late' })
  assert.match(await dest.storm('migrsync.startfromfile'), /Sync started/)
  await source.storm('[inet:ipv4=1.2.3.4 :_late=5]')
  const end = Date.now() + PATIENCE_MS
  while (!(await dest.storm('migrsync.errors')).includes('Errors: 1')) {
    assert.ok(Date.now() < end, await dest.storm('migrsync.status'))
    await sleep(500)
  }
  assert.match(await dest.storm('migrsync.cutover'), /lacks the extension inet:ipv4:_late/)
  await dest.call('addFormProp', 'inet:ipv4', '_late', ['int', {}], { doc: 'late' })
  assert.match(await dest.storm('migrsync.retry'), /Applied 1, still failing 0/)
  await cutOver(pair)
  await assertSameRows(pair)
})

test('migrsync keeps a 2.256.0 Cortex equal, which has no migration mode, only when told to', async (t) => {
  const pair = await startPair(t, 'latest')
  const { source, dest } = pair
  const careful = await ServiceProcess.of(pair)
  t.after(() => careful.kill())
  await careful.start()
  const added = await dest.storm(`service.add migrsync ${careful.url}`)
  await dest.storm('$lib.service.wait(migrsync)')
  assert.match(await dest.storm('migrsync.startfromfile'), /this release of the destination has none/)
  await dest.storm(`service.del ${added.split(' ')[1]}`)
  await careful.stop()

  const service = await ServiceProcess.of(pair, source.url, dest.url, ['--no-migration-mode'])
  t.after(() => service.kill())
  const before = new Set(await source.rows(join(pair.dir, 'before.gz')))
  await syncByStorm(pair, service)
  // Some time after its start it brings all nodes to its own model: it adds props and the nodes that they name, and decodes
  // passwords of urls. Everything else of the source is there, and nothing that the source has deleted.
  const isMeant = ({ side, form, row }: RowDifference) =>
    side === 'destination' ? !before.has(row) : form === 'inet:url' && JSON.parse(row)[3] === 'passwd'
  await assertSameRows(pair, isMeant)
  assert.match(await dest.storm('migrsync.stopsync'), /Sync stopped/)
})
