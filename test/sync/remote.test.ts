import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { encode, PackMap } from '../../src/bytes/msgpack.js'
import { openCortex } from '../../src/sync/remote.js'
import { LinkDown, TelepathError } from '../../src/telepath/errors.js'
import { LAYER } from '../support/fake-sync.js'
import { tempDir } from '../support/fixture.js'
import { type ServedCortex, serveDest } from '../support/served-cortex.js'

const NODE_EDITS = encode([[Uint8Array.of(1), 'inet:ipv4', []]])
const META = encode(new PackMap([]))
const dir = tempDir()
let dest: ServedCortex
let base: string

before(async () => {
  dest = await serveDest()
  base = dest.url.replace(/\/$/, '')
  await dest.listen(`unix://${join(dir, 'sock')}`)
})

after(() => dest.close())

test('openCortex() opens the Cortex and its layers, whatever share and path the url has', async () => {
  const local = [`cell://root:hunter2@${dir}`, `cell://root:hunter2@${dir}:cortex`, `unix://root:hunter2@${dir}/sock`]
  const paths = ['', '/', '/*', '/cortex', '/cortex/']
  const urls = [...paths.map((path) => base + path), `${base.replace('tcp', 'TCP')}/cortex`, ...local]
  for (const url of urls) {
    dest.pushed.length = 0
    const cortex = await openCortex(url)
    assert.doesNotMatch(cortex.shownUrl, /hunter2/)
    assert.deepEqual(cortex.version, [2, 0, 0])
    assert.ok((await cortex.getModelDict()) instanceof PackMap)
    const layer = await cortex.openLayer(LAYER)
    await layer.storNodeEditsNoLift(NODE_EDITS, META)
    assert.equal(dest.pushed.length, 1, url)
    await layer.close()
    await cortex.close()
  }
  await assert.rejects(openCortex(`${base}/newp`), { name: 'NoSuchName' })
})

test('openCortex() as a user without rights reads the model, and is denied all else', async () => {
  dest.pushed.length = 0
  const cortex = await openCortex(dest.url.replace('root', 'analyst'))
  const denied = (mesg: RegExp) => (error: unknown) =>
    error instanceof TelepathError && error.name === 'AuthDeny' && mesg.test(error.message)
  assert.ok((await cortex.getModelDict()) instanceof PackMap)
  await assert.rejects(cortex.enableMigrationMode(), denied(/User is not an admin/))
  await assert.rejects(cortex.disableMigrationMode(), denied(/User is not an admin/))
  const layer = await cortex.openLayer(LAYER)
  await assert.rejects(layer.storNodeEditsNoLift(NODE_EDITS, META), denied(/layer\.write/))
  assert.deepEqual([dest.pushed, dest.migrationMode], [[], false])
  await layer.close()
  await cortex.close()
})

test('openCortex() takes an address where nobody is for a link that is down: it is tried again', async () => {
  for (const url of ['tcp://root:hunter2@newp.invalid:1/', `cell://${dir}/newp`, 'tcp://root:hunter2@127.0.0.1:1/']) {
    await assert.rejects(openCortex(url, { connectMs: 20_000 }), (error) => {
      assert.ok(error instanceof LinkDown, `${url}: ${error}`)
      assert.doesNotMatch(error.message, /hunter2/)
      return true
    })
  }
})
