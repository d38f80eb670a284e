import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { generate } from 'selfsigned'
import { openProxy } from '../../src/telepath/client.js'
import { BadUrl, LinkDown } from '../../src/telepath/errors.js'
import { TelepathServer } from '../../src/telepath/server.js'
import { layerUrl, parseUrl, type TelepathUrl } from '../../src/telepath/url.js'
import { tempDir } from '../support/fixture.js'
import { whoamiServer } from '../support/whoami-server.js'

const dir = tempDir()
const strange = tempDir()

before(async () => {
  for (const each of [dir, strange]) {
    const names = (cn: string) => [{ name: 'commonName', value: cn }]
    const ca = await generate(names('ca'), {
      algorithm: 'sha256',
      keySize: 2048,
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, critical: true },
      ],
    })
    write(each, 'cas/ca.crt', ca.cert)
    for (const [folder, name] of [
      ['hosts', 'localhost'],
      ['users', 'root@localhost'],
    ]) {
      const made = await generate(names(name), {
        algorithm: 'sha256',
        keySize: 2048,
        ca: { key: ca.private, cert: ca.cert },
        extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name.replace('root@', '') }] }],
      })
      write(each, `${folder}/${name}.crt`, made.cert)
      write(each, `${folder}/${name}.key`, made.private)
    }
  }
})

function write(base: string, file: string, text: string): void {
  mkdirSync(join(base, file, '..'), { recursive: true })
  writeFileSync(join(base, file), text)
}

const servers: TelepathServer<string>[] = []
after(async () => {
  for (const server of servers) await server.close()
})

async function serve(query: string): Promise<number> {
  const server = whoamiServer()
  servers.push(server)
  return (await server.listen(parseUrl(`ssl://127.0.0.1:0/?hostname=localhost&certdir=${dir}${query}`))) as number
}

async function whoami(url: string | TelepathUrl): Promise<unknown> {
  const proxy = await openProxy(url)
  try {
    return await proxy.call('whoami')
  } finally {
    await proxy.close()
  }
}

test('ssl trusts the authorities of the certificate directory, for the name of the host', async () => {
  const port = await serve('')
  const at = `root:secret@localhost:${port}/`
  assert.equal(await whoami(`ssl://${at}?certdir=${dir}`), 'root')
  await assert.rejects(whoami(`ssl://${at}?certdir=${strange}`), LinkDown)
  await assert.rejects(whoami(`ssl://${at}?certdir=${dir}&hostname=other`), LinkDown)
  await assert.rejects(whoami(`ssl://root:secret@127.0.0.1:${port}/?certdir=${dir}`), LinkDown)
  await assert.rejects(whoami(`tcp://${at}`), LinkDown)
})

test('a layer behind ssl is opened as its Cortex is', async () => {
  const port = await serve('&ca=ca')
  const layer = layerUrl(
    parseUrl(`ssl://x:y@localhost:${port}/?certdir=${dir}&certname=root@localhost`),
    'a'.repeat(32),
  )
  assert.equal(await whoami(layer), 'x')
})

test('ssl trusts the one certificate whose hash the url holds', async () => {
  const port = await serve('')
  const cert = new X509Certificate(readFileSync(join(dir, 'hosts/localhost.crt')))
  const hash = createHash('sha256').update(cert.raw).digest('hex')
  assert.equal(await whoami(`ssl://root:secret@localhost:${port}/?certdir=${strange}&certhash=${hash}`), 'root')
  const other = hash.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
  await assert.rejects(whoami(`ssl://root:secret@localhost:${port}/?certdir=${dir}&certhash=${other}`), LinkDown)
})

test('ssl with ca= asks for a certificate of that authority, which a user without password shows', async () => {
  const port = await serve('&ca=ca')
  assert.equal(await whoami(`ssl://root@localhost:${port}/?certdir=${dir}`), 'root')
  assert.equal(await whoami(`ssl://x:y@localhost:${port}/?certdir=${dir}&certname=root@localhost`), 'x')
  await assert.rejects(whoami(`ssl://root:secret@localhost:${port}/?certdir=${dir}`), LinkDown)
  await assert.rejects(whoami(`ssl://x:y@localhost:${port}/?certdir=${dir}&certname=newp`), BadUrl)
})

test('a server of plain tcp and a TLS client do not understand each other, and both stay up', async () => {
  const server = new TelepathServer<string>({
    hasShare: () => true,
    authenticate: async () => 'x',
    open: () => ({ classes: [], version: [2, 0, 0], methods: new Map() }),
    log: () => {},
  })
  servers.push(server)
  const port = await server.listen(parseUrl('tcp://127.0.0.1:0/'))
  await assert.rejects(openProxy(`ssl://root:secret@localhost:${port}/?certdir=${dir}`, { connectMs: 2000 }), LinkDown)
  await (await openProxy(`tcp://127.0.0.1:${port}/`)).close()
})

test('connections that never begin TLS keep no client of ssl out', async (t) => {
  const server = whoamiServer({ linksPerPeer: 20 })
  servers.push(server)
  const url = `ssl://127.0.0.1:0/?hostname=localhost&certdir=${dir}`
  const port = (await server.listen(parseUrl(url))) as number
  for (let i = 0; i < 60; i++) {
    const socket = connect({ host: '127.0.0.1', port }).on('error', () => {})
    t.after(() => socket.destroy())
    await new Promise((resolve) => socket.once('connect', resolve))
  }
  assert.equal(await whoami(`ssl://root:secret@localhost:${port}/?certdir=${dir}`), 'root')
  assert.ok(server.counts.links <= 20, `${server.counts.links} links`)
})
