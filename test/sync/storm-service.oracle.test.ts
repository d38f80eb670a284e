import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { SyncCell } from '../../src/sync/cell/cell.js'
import { openCellDir } from '../../src/sync/cell/cell-dir.js'
import { TelepathError } from '../../src/telepath/errors.js'
import { type Release, tempDir } from '../support/cortex.js'
import { FakeSync, LAYER, layerState, memoryLog, syncConfig, syncError } from '../support/fake-sync.js'
import { callWith, RealCortex } from '../support/real-cortex.js'

async function openCell(dir: string, fake: FakeSync, port = 0): Promise<SyncCell> {
  return SyncCell.open({
    dir: await openCellDir(dir, memoryLog().warn),
    config: { ...syncConfig(), authPasswd: 'secret' },
    telepath: `tcp://127.0.0.1:${port}/`,
    https: null,
    name: 'migrsync',
    version: [0, 1, 0],
    log: memoryLog(),
    openCortex: () => assert.fail('nothing is opened here'),
    createSyncService: () => fake,
  })
}

const TABLE = `Layer: ${LAYER}
      |       last_start        |  task_status  |    offset     |     read_status      |  queue_live   |   queue_len   |    err_cnt    
---------------------------------------------------------------------------------------------------------------------------------------
 src  | 2026/11/22 14:37:13.846 | active        | 32,048        | up_to_date           | n/a           | n/a           | n/a           
 dest | 2026/11/22 14:37:13.846 | active        | 32,048        | n/a                  | True          | 0             | 0             `

const BEYOND = ` source's end 32,048, as of 2026/11/22 14:37:13.846
 behind 0 splices, 12.3 splices/s`

const NOT_LOOKED_AT = 'Not looked at: Node "contents"'

for (const release of ['200', '280', 'latest'] as Release[]) {
  test(`a Cortex of ${release} adds the service, and its commands print what the reference's do`, async (t) => {
    const fake = new FakeSync()
    const dir = join(tempDir(t), 'service')
    const cell = await openCell(dir, fake)
    const port = cell.ports.telepath as number
    const cortex = await RealCortex.start(release, join(tempDir(t), 'core'))
    let open: SyncCell | null = cell
    try {
      const [added] = await cortex.prints(`service.add migrsync tcp://root:secret@127.0.0.1:${port}/`)
      assert.match(added, /^added [0-9a-f]{32} \(migrsync\)/)
      await cortex.prints('$lib.service.wait(migrsync)')

      assert.deepEqual(await cortex.prints('migrsync.status'), [
        '',
        'No sync was started yet: run migrsync.startfromfile',
      ])
      fake.layers = [layerState()]
      // The reference's table, then what it does not tell.
      assert.deepEqual(await cortex.prints('migrsync.status'), ['', `${TABLE}\n${BEYOND}\n`, NOT_LOOKED_AT])
      const started = ['\nSync started for the following (Layers, offsets):', `    ('${LAYER}', 32048)`, '']
      assert.deepEqual(await cortex.prints('migrsync.startfromfile'), started)
      assert.deepEqual(await cortex.prints('migrsync.startfromlast'), started)
      const stopped = ['\nSync stopped for the following Layers:', `    ${LAYER}`, '']
      assert.deepEqual(await cortex.prints('migrsync.stopsync'), stopped)
      const calls = ['startSyncFromFile', 'startSyncFromLast', 'stopSync']
      assert.deepEqual(fake.calls, calls)

      assert.deepEqual(await cortex.prints('migrsync.migrationmode.enable'), ['migrationMode successfully enabled'])
      assert.deepEqual(await cortex.prints('migrsync.migrationmode.disable'), ['migrationMode successfully disabled'])
      assert.deepEqual(await cortex.prints('migrsync.migrationmode.auto'), ['migrationMode successfully automatic'])
      fake.modeFailure = 'Enabling migration mode on dest cortex encountered an error: AuthDeny'
      const [failed] = await cortex.prints('migrsync.migrationmode.enable')
      assert.equal(failed, `Enabling migrationMode encountered an error: ${fake.modeFailure}`)

      fake.known = [syncError()]
      assert.deepEqual(await cortex.prints('migrsync.errors'), [`${LAYER} 5: ${syncError().message}`, 'Errors: 1'])
      assert.deepEqual(await cortex.prints('migrsync.retry'), ['Applied 1, still failing 0'])
      assert.deepEqual(await cortex.prints('migrsync.cutover'), [
        'Not ready to cut over:',
        '    No sync runs',
        'To redo by hand: Node data',
        NOT_LOOKED_AT,
      ])

      fake.failure = TelepathError.of('AuthDeny', { mesg: 'Invalid password', user: 'root' })
      const messages = await cortex.storm('migrsync.startfromfile')
      const [, failure] = messages.find(([name]) => name === 'err') ?? assert.fail('no error')
      assert.equal((failure as unknown as [string, { mesg: string }])[0], 'AuthDeny')
      fake.failure = null

      await cell.close()
      open = null
      // The same port again, as a restarted service has it; its state cannot be opened twice in one process.
      open = await openCell(join(tempDir(t), 'again'), fake, port)
      for (
        let tries = 0;
        tries < 100 && (await cortex.storm('migrsync.status')).some(([name]) => name === 'err');
        tries++
      ) {
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      // The reference's table, then what it does not tell.
      assert.deepEqual(await cortex.prints('migrsync.status'), ['', `${TABLE}\n${BEYOND}\n`, NOT_LOOKED_AT])
      assert.match((await cortex.prints(`service.del ${added.split(' ')[1]}`)).join(), /removed/)
      assert.ok((await cortex.storm('migrsync.status')).some(([name]) => name === 'err'))
    } finally {
      await cortex.stop()
      await open?.close()
    }
  })
}

for (const release of ['01x', '200', 'latest'] as Release[]) {
  test(`the telepath client of ${release} talks to the service`, async (t) => {
    const fake = new FakeSync()
    fake.layers = [layerState()]
    const cell = await openCell(join(tempDir(t), 'service'), fake)
    const at = `127.0.0.1:${cell.ports.telepath}`
    try {
      const calls: [string, unknown[], object][] = [
        ['getCellType', [], {}],
        ['startSyncFromFile', [], {}],
        ['status', [], { pprint: true }],
        ['status', [1, 2], {}],
        ['newp', [], {}],
        ['getCellType', [], {}],
      ]
      const [type, starts, status, tooMany, unknown, again] = await callWith(release, `tcp://root:secret@${at}/`, calls)
      assert.deepEqual(type, { ok: 'syncmigrator' })
      assert.deepEqual(starts, { ok: [[LAYER, 32048]] })
      assert.equal((status as { ok: Record<string, { pprint: string }> }).ok[LAYER].pprint, TABLE)
      assert.ok('exc' in tooMany && tooMany.info.errx === 'TypeError', JSON.stringify(tooMany))
      assert.ok('exc' in unknown && unknown.exc === 'NoSuchMeth', JSON.stringify(unknown))
      assert.deepEqual(again, type)
      const refused: [string, string][] = [
        [`tcp://root:wrong@${at}/`, 'AuthDeny'],
        [`tcp://${at}/`, 'AuthDeny'],
        [`tcp://newp:x@${at}/`, 'NoSuchUser'],
        [`tcp://root:secret@${at}/newp`, 'NoSuchName'],
      ]
      for (const [url, exc] of refused) {
        const [failure] = await callWith(release, url, [])
        assert.ok('exc' in failure && failure.exc === exc, `${url} ${JSON.stringify(failure)}`)
      }
    } finally {
      await cell.close()
    }
  })
}
