import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { MigrationError } from '../../src/errors.js'
import { Slab } from '../../src/slab/slab.js'
import type { LayerState } from '../../src/sync/api.js'
import { Auth } from '../../src/sync/cell/auth.js'
import { openCellDir } from '../../src/sync/cell/cell-dir.js'
import { Hive } from '../../src/sync/cell/hive.js'
import { Logins } from '../../src/sync/cell/logins.js'
import { pageCertificate } from '../../src/sync/http/certificate.js'
import { metricsText } from '../../src/sync/http/metrics.js'
import { statusPage } from '../../src/sync/http/page.js'
import { StatusServer, type StatusServerParts } from '../../src/sync/http/status-server.js'
import { FakeSync, LAYER, layerState, memoryLog } from '../support/fake-sync.js'
import { tempDir } from '../support/fixture.js'

const fake = new FakeSync()
const log = memoryLog()
const dir = tempDir()
let slab: Slab
let auth: Auth
let server: StatusServer
let parts: StatusServerParts

before(async () => {
  slab = await Slab.open(join(dir, 'slabs', 'cell.lmdb'))
  auth = new Auth(new Hive(slab))
  auth.setPasswd(auth.root.iden, 'secret:with:colons')
  parts = {
    at: { host: '127.0.0.1', port: 0 },
    dir: await openCellDir(dir, log.warn),
    logins: new Logins(auth, log),
    state: () => fake.ask(),
    log,
  }
  server = await StatusServer.listen(parts)
})

after(async () => {
  await server.close()
  await slab.close()
})

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

function ask(
  path: string,
  options: { method?: string; body?: string; headers?: Record<string, string>; port?: number } = {},
) {
  return new Promise<Answer>((resolve, reject) => {
    const ca = readFileSync(join(dir, 'sslcert.pem'))
    const { body, ...rest } = options
    const sent = request(
      { host: '127.0.0.1', port: server.port, path, ca, servername: 'localhost', ...rest },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

function basic(user: string, passwd: string): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`${user}:${passwd}`).toString('base64')}` }
}

const ROOT = basic('root', 'secret:with:colons')

test('StatusServer makes a certificate that names this host, with a key that only the owner reads', () => {
  assert.equal(statSync(join(dir, 'sslkey.pem')).mode & 0o777, 0o600)
  const cert = new X509Certificate(readFileSync(join(dir, 'sslcert.pem')))
  assert.equal(cert.checkHost(hostname()), hostname())
})

test('a certificate that is missing is made for the key that is there, which stays', () => {
  const own = tempDir()
  for (const pair of [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ]) {
    const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' })
    writeFileSync(join(own, 'sslkey.pem'), key)
    rmSync(join(own, 'sslcert.pem'), { force: true })
    const made = pageCertificate(own, log)
    assert.equal(made.key, key)
    assert.ok(new X509Certificate(made.cert).checkPrivateKey(pair.privateKey))
    assert.deepEqual(pageCertificate(own, log), made)
  }
  // A certificate without its key is somebody's mistake.
  rmSync(join(own, 'sslkey.pem'))
  assert.throws(() => pageCertificate(own, log), /sslkey\.pem/)
})

test('StatusServer shows nothing without credentials', async () => {
  const headers = [{}, basic('root', 'wrong'), basic('newp', 'x'), { Authorization: 'Basic !!' }, { Cookie: 'sess=x' }]
  for (const path of ['/', '/metrics', '/api/v1/status', '/api/v1/healthcheck', '/newp']) {
    for (const each of headers) {
      const { status, headers: answered, body } = await ask(path, { headers: each as Record<string, string> })
      assert.equal(status, 401)
      assert.match(String(answered['www-authenticate']), /^Basic/)
      assert.doesNotMatch(body, new RegExp(LAYER))
    }
  }
  assert.deepEqual(JSON.parse((await ask('/api/v1/active')).body), { status: 'ok', result: { active: true } })
})

test('a user that is locked is out at once, and there is no other login than Basic authentication', async () => {
  const visi = auth.add('visi', 'visi123', null)
  assert.equal((await ask('/', { headers: basic('visi', 'visi123') })).status, 200)
  auth.setInfo(visi.iden, { locked: true })
  assert.equal((await ask('/', { headers: basic('visi', 'visi123') })).status, 401)
  const body = JSON.stringify({ user: 'root', passwd: 'secret:with:colons' })
  const { status, headers } = await ask('/api/v1/login', { method: 'POST', body, headers: ROOT })
  assert.deepEqual([status, headers['set-cookie']], [404, undefined])
})

test('guesses at a password are answered with 429 and a time when too many wait, and other users come in', async (t) => {
  auth.add('bob', 'bobpw', null)
  const logins = new Logins(auth, log, { nowMs: () => 0, wait: async () => {} })
  const guarded = await StatusServer.listen({ ...parts, logins })
  t.after(() => guarded.close())
  const { port } = guarded
  const guesses: Answer[] = []
  for (let i = 0; i < 14; i++) guesses.push(await ask('/', { headers: basic('bob', `guess ${i}`), port }))
  assert.deepEqual(
    guesses.slice(0, 5).map(({ status }) => status),
    [401, 401, 401, 401, 401],
  )
  const { status, headers, body } = guesses[13]
  assert.deepEqual(
    [status, JSON.parse(body).mesg],
    [429, `Too many wrong passwords: try again in ${headers['retry-after']} s`],
  )
  assert.equal((await ask('/', { headers: ROOT, port })).status, 200)
  assert.match(
    log.lines.join('\n'),
    /Wrong password for user "bob" from 127\.0\.0\.1, 5 in a row: the next has to wait for 1 s/,
  )
})

test('idle connections of strangers, before TLS and behind it, keep nobody out', async (t) => {
  const crowded = await StatusServer.listen({ ...parts, limits: { perAddress: 20, all: 30, introductionMs: 2000 } })
  t.after(() => crowded.close())
  const idle: Socket[] = []
  const ended: Promise<unknown>[] = []
  for (let i = 0; i < 60; i++) {
    const at = { host: '127.0.0.1', port: crowded.port }
    const socket = i % 2 === 0 ? connect(at) : connectTls({ ...at, rejectUnauthorized: false })
    socket.on('error', () => {})
    idle.push(socket)
    ended.push(new Promise((resolve) => socket.once('close', resolve)))
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
  }
  for (let i = 0; i < 3; i++) assert.equal((await ask('/metrics', { headers: ROOT, port: crowded.port })).status, 200)
  await Promise.all(ended)
  assert.match(
    log.lines.join('\n'),
    /https: Too many connections, the last from 127\.0\.0\.1: dropped the oldest of 127\.0\.0\.1 that/,
  )
})

test('the page shows each layer, is one document, and may load nothing', async () => {
  fake.layers = [
    layerState({ pushOffset: 32000, lagSplices: 48, lagSeconds: 75, errorCount: 2, notes: ['<b>"odd" & so on</b>'] }),
  ]
  const { body, headers } = await ask('/', { headers: ROOT })
  assert.match(body, /32,000 of 32,048/)
  assert.match(body, /48 splices, 75 s/)
  assert.match(body, /&lt;b&gt;&quot;odd&quot; &amp; so on/)
  assert.doesNotMatch(body, /<script|src=|<b>"odd/)
  assert.match(String(headers['content-security-policy']), /default-src 'none'; style-src 'sha256-/)
  assert.equal((await ask('/', { method: 'HEAD', headers: ROOT })).body, '')
  assert.equal((await ask('/', { method: 'POST', headers: ROOT })).status, 405)
  assert.equal((await ask('/newp', { headers: ROOT })).status, 404)
})

test('statusPage() says what keeps from cutting over, and when nothing does', () => {
  assert.match(statusPage(fake.state()), /Not ready to cut over<\/p><ul><li>No sync runs/)
  const ready = { ...fake.state(), canCutover: true, cutoverBlockers: [], layers: [] }
  assert.match(statusPage(ready), /Ready to cut over: the destination has everything/)
})

test('with a source that does not answer, page and metrics do not look as if all were read', async () => {
  const trouble = 'The source cannot be read now: connection refused'
  for (const down of [
    { pullStatus: 'connect_err', notes: [trouble] },
    { pullStatus: 'auth_err' },
    { pullStatus: null },
    { pullStatus: 'stopped', pullTask: { status: 'cancelled' } },
    { pullStatus: 'up_to_date', pullTask: { status: 'exception', message: 'it broke' } },
  ] as Partial<LayerState>[]) {
    fake.layers = [layerState(down)]
    const state = { ...fake.state(), cutoverBlockers: [`Layer ${LAYER}: ${trouble}`] }
    const page = statusPage(state)
    assert.match(page, /<dt>Behind<\/dt><dd>unknown; 0 splices, 0 s when the source was last seen<\/dd>/)
    assert.match(page, /<progress [^>]*class="stale"/)
    assert.equal(page.split(trouble).length, 2, 'it says so once')
    assert.match(metricsText(state), new RegExp(`^synapse_migrator_sync_layer_source_up{layer="${LAYER}"} 0$`, 'm'))
  }
  fake.layers = [layerState({ destUp: false })]
  assert.match(metricsText(fake.state()), new RegExp(`dest_up{layer="${LAYER}"} 0$`, 'm'))
  assert.match(statusPage(fake.state()), /<dt>Writing<\/dt><dd>not now \(active\)<\/dd>/)
  for (const pullStatus of ['reading_catchup', 'reading_at_live', 'up_to_date'] as const) {
    fake.layers = [layerState({ pullStatus })]
    assert.match(statusPage(fake.state()), /<dd>nothing<\/dd>/)
    assert.doesNotMatch(statusPage(fake.state()), /class="stale"/)
    assert.match(metricsText(fake.state()), new RegExp(`source_up{layer="${LAYER}"} 1$`, 'm'))
  }
})

test('the metrics are in the text format of Prometheus', async () => {
  fake.layers = [layerState({ sourceTip: null, lagSplices: 3 }), layerState({ iden: 'f'.repeat(32) })]
  const { body, headers } = await ask('/metrics', { headers: ROOT })
  assert.match(String(headers['content-type']), /version=0\.0\.4/)
  const lines = body.trimEnd().split('\n')
  const sample = /^synapse_migrator_sync_[a-z_]+(\{layer="[0-9a-f]{32}"\}|\{what="[a-z_]+"\})? -?[0-9.]+$/
  for (const line of lines) assert.ok(line.startsWith('# ') || sample.test(line), line)
  assert.ok(lines.includes(`synapse_migrator_sync_layer_lag_splices{layer="${LAYER}"} 3`))
  assert.ok(lines.includes('synapse_migrator_sync_can_cutover 0'))
  assert.ok(lines.includes('synapse_migrator_sync_not_looked_at{what="node_data"} 1'))
  assert.ok(!body.includes(`source_tip{layer="${LAYER}"}`))
  const helped = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2])
  assert.equal(new Set(helped).size, helped.length)
})

test('a port that is taken and a certificate that is none are one sentence', async () => {
  const taken = StatusServer.listen({ ...parts, at: { host: '127.0.0.1', port: server.port } })
  await assert.rejects(
    taken,
    (error) => error instanceof MigrationError && /port \d+: the port is in use/.test(error.message),
  )
})

test('old TLS is refused', async () => {
  const socket = connectTls({ host: '127.0.0.1', port: server.port, maxVersion: 'TLSv1.1', rejectUnauthorized: false })
  await new Promise((resolve) => socket.once('error', resolve).once('close', resolve))
  assert.equal(socket.authorized, false)
})
