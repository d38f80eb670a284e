import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { Slab } from '../../src/slab/slab.js'
import type { SyncState } from '../../src/sync/api.js'
import { Auth } from '../../src/sync/cell/auth.js'
import { openCellDir } from '../../src/sync/cell/cell-dir.js'
import { Hive } from '../../src/sync/cell/hive.js'
import { Logins } from '../../src/sync/cell/logins.js'
import { StatusServer } from '../../src/sync/http/status-server.js'
import { lookAtAll, openBrowser, type Seen, TIMEOUT_MS } from '../support/browser.js'
import { FakeSync, layerState, memoryLog } from '../support/fake-sync.js'
import { tempDir } from '../support/fixture.js'

const login = { username: 'root', password: 'secret' }
const dir = tempDir()
const fake = new FakeSync()
let state: SyncState
let browser: Browser
let slab: Slab
let server: StatusServer

before(async () => {
  const log = memoryLog()
  slab = await Slab.open(join(dir, 'slabs', 'cell.lmdb'))
  const auth = new Auth(new Hive(slab))
  auth.setPasswd(auth.root.iden, login.password)
  server = await StatusServer.listen({
    at: { host: '127.0.0.1', port: 0 },
    dir: await openCellDir(dir, log.warn),
    logins: new Logins(auth, log),
    state: async () => state,
    log,
  })
  browser = await openBrowser()
})

after(async () => {
  await browser.close()
  await server.close()
  await slab.close()
})

test('the page of a sync that never ran, of one that is behind and of one that is done are in order', async () => {
  state = fake.state()
  for (const { text } of await lookAtStill('sync-stopped')) assert.match(text, /No layer was ever started/)
  fake.syncing = true
  fake.layers = [
    layerState(),
    layerState({
      iden: 'ab'.repeat(16),
      pullStatus: 'reading_catchup',
      pushOffset: 12_000,
      lagSplices: 20_048,
      lagSeconds: 4000,
      inFlight: 1000,
      queue: { finished: false, length: 10_000 },
      rate: 1234.5,
    }),
    layerState({
      iden: 'cd'.repeat(16),
      pullStatus: 'connect_err',
      pushOffset: 32_000,
      lagSplices: 48,
      lagSeconds: 75,
      errorCount: 3,
      pullTask: { status: 'exception', message: 'Cannot connect to tcp://cortex-01x:27492: connection refused' },
    }),
  ]
  state = { ...fake.state(), cutoverBlockers: ['20,048 splices are not acknowledged', '3 errors are open'] }
  for (const { text } of await lookAtStill('sync-behind')) {
    assert.match(text, /12,000 of 32,048/)
    assert.match(text, /connection refused/)
  }
  state = { ...fake.state(), layers: [layerState()], canCutover: true, cutoverBlockers: [] }
  for (const { text } of await lookAtStill('sync-ready')) assert.match(text, /Ready to cut over/)
})

test('hostile texts of a source or destination are shown on the page, and nothing else happens', async () => {
  const texts = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(2)>',
    '\u05e9\u05dc\u05d5\u05dd (\u0645\u0631\u062d\u0628\u0627)',
    '\u202egnp.exe',
    'x'.repeat(10_000),
    '\u0000\u001b[2J',
  ]
  const message = texts[1]
  fake.layers = [layerState({ iden: texts[4], notes: texts, pushTask: { status: 'exception', message } })]
  state = {
    ...fake.state(),
    cutoverBlockers: texts,
    notCarried: texts,
    notLookedAt: texts,
    migrationModeError: texts[0],
  }
  for (const { text } of await lookAtStill('sync-hostile')) {
    for (const each of [texts[0], texts[1], texts[4], '\\u202egnp.exe', '\\u0000\\u001b[2J'])
      assert.ok(text.includes(each), each)
  }
})

test('the page is reloaded until its reader stops that, and again when it is asked for', async () => {
  state = fake.state()
  const context = await browser.newContext({ ignoreHTTPSErrors: true, httpCredentials: login })
  try {
    context.setDefaultTimeout(TIMEOUT_MS)
    const page = await context.newPage()
    await page.goto(`https://127.0.0.1:${server.port}/`)
    const refresh = page.locator('meta[http-equiv=refresh]')
    assert.equal(await refresh.count(), 1)
    await page.waitForEvent('framenavigated')
    await page.getByRole('link', { name: 'stop reloading' }).click()
    await page.waitForURL(/\?still$/)
    assert.equal(await refresh.count(), 0)
    await page.getByRole('link', { name: /^reload every/ }).click()
    await page.waitForURL(/\?$/)
    assert.equal(await refresh.count(), 1)
  } finally {
    await context.close()
  }
})

/** Whoever needs longer to read can stop the reloading, so it is looked at as it is then. */
function lookAtStill(name: string): Promise<Seen[]> {
  return lookAtAll(browser, `https://127.0.0.1:${server.port}/?still`, { name, login })
}
