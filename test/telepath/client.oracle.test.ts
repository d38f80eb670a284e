import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { PackMap, type Value } from '../../src/bytes/msgpack.js'
import { openProxy, type TeleProxy } from '../../src/telepath/client.js'
import { LinkDown, TelepathError } from '../../src/telepath/errors.js'
import { parseUrl } from '../../src/telepath/url.js'
import { python, type Release, tempDir } from '../support/cortex.js'
import { callWith, RealCortex } from '../support/real-cortex.js'
import { whoamiServer } from '../support/whoami-server.js'

const VERSIONS: readonly [release: Release, version: number[]][] = [
  ['01x', [0, 1, 58]],
  ['200', [2, 0, 0]],
  ['280', [2, 8, 0]],
  ['latest', [2, 256, 0]],
]

async function withProxy<T>(url: string, work: (proxy: TeleProxy) => Promise<T>): Promise<T> {
  const proxy = await openProxy(url)
  try {
    return await work(proxy)
  } finally {
    await proxy.close()
  }
}

async function refusal(work: () => Promise<unknown>): Promise<TelepathError> {
  try {
    await work()
  } catch (error) {
    assert.ok(error instanceof TelepathError, String(error))
    return error
  }
  return assert.fail('nothing was refused')
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const value of values) found.push(value)
  return found
}

for (const [release, version] of VERSIONS) {
  test(`openProxy() talks to a Cortex of ${version.join('.')}`, async (t) => {
    const dir = join(tempDir(t), 'core')
    const cortex = await RealCortex.start(release, dir)
    try {
      const { url } = cortex
      await withProxy(url, async (proxy) => {
        assert.deepEqual(proxy.version, version)
        assert.ok(proxy.classes.some((name) => name.endsWith('CoreApi')))
        assert.match(String(await proxy.call('getCellIden')), /^[0-9a-f]{32}$/)
        const forms = ((await proxy.call('getModelDict')) as PackMap).get('forms')
        assert.ok(forms instanceof PackMap && forms.get('inet:ipv4') instanceof PackMap)

        assert.equal((await refusal(() => proxy.call('newp'))).name, 'NoSuchMeth')
        assert.equal((await refusal(() => proxy.call('getCellIden', [1, 2]))).name, 'TypeError')
        // A generator: to its end, left early, and one that fails.
        const messages = await all(proxy.values('storm', ['[inet:ipv4=1.2.3.4 inet:ipv4=5.6.7.8] $lib.print(hi)']))
        const names = messages.map((message) => (message as Value[])[0])
        assert.equal(names.filter((name) => name === 'node').length, 2)
        assert.deepEqual([names[0], names.at(-1)], ['init', 'fini'])
        for await (const message of proxy.values('storm', ['inet:ipv4'])) {
          assert.equal((message as Value[])[0], 'init')
          break
        }
        assert.ok(
          (await all(proxy.values('storm', ['inet:ipv4=newp']))).some((message) => (message as Value[])[0] === 'err'),
        )
        const many = Array.from({ length: 8 }, () => proxy.call('getCellIden'))
        assert.equal(new Set(await Promise.all(many)).size, 1)
      })
      await withProxy(`${url}cortex/layer`, async (layer) => {
        assert.ok(layer.classes.some((name) => name.endsWith('LayerApi')))
        if (release !== '01x') return
        const splices = await all(layer.values('splices', [0, -1]))
        assert.ok(splices.some((splice) => (splice as Value[])[0] === 'node:add'))
      })
      assert.equal((await refusal(() => openProxy(url.replace('secret', 'wrong')))).name, 'AuthDeny')
      assert.equal((await refusal(() => openProxy(url.replace('root:secret@', '')))).name, 'AuthDeny')
      assert.equal((await refusal(() => openProxy(url.replace('root', 'newp')))).name, 'NoSuchUser')
      assert.equal((await refusal(() => openProxy(`${url}newp`))).name, 'NoSuchName')
      assert.equal((await refusal(() => openProxy(`${url}cortex/layer/${'0'.repeat(32)}`))).name, 'NoSuchLayer')
      // Without authentication, as the owner of the directory.
      const local = `cell://${dir}:cortex`
      assert.match(String(await withProxy(local, (proxy) => proxy.call('getCellIden'))), /^[0-9a-f]{32}$/)
      assert.match(
        String(await withProxy(`unix://${dir}/sock:cortex`, (proxy) => proxy.call('getCellIden'))),
        /^[0-9a-f]{32}$/,
      )
    } finally {
      await cortex.stop()
    }
  })
}

/** An authority, the pair of localhost and that of the user root, as Synapse's own tool makes and lays them out. */
function makeCertdir(dir: string): string {
  const easycert = (...args: string[]) => python('latest', '-m', 'synapse.tools.easycert', '--certdir', dir, ...args)
  easycert('--ca', 'ours')
  easycert('--signas', 'ours', '--server', 'localhost')
  easycert('--signas', 'ours', 'root')
  return dir
}

test('ssl and its client certificates are understood by Synapse, both ways', async (t) => {
  const certdir = makeCertdir(join(tempDir(t), 'certs'))
  const iden = (url: string) => withProxy(url, (proxy) => proxy.call('getCellIden'))
  for (const release of ['01x', '200', 'latest'] as const) {
    const cortex = await RealCortex.start(release, join(tempDir(t), 'core'), 0, { SYN_CERT_DIR: certdir })
    try {
      const port = await cortex.listen('ssl://localhost:0/?hostname=localhost')
      assert.match(String(await iden(`ssl://root:secret@localhost:${port}/?certdir=${certdir}`)), /^[0-9a-f]{32}$/)
      await assert.rejects(iden(`ssl://root:secret@localhost:${port}/`), LinkDown) // nobody vouches for it
      if (release !== 'latest') continue
      const strict = await cortex.listen('ssl://localhost:0/?hostname=localhost&ca=ours')
      const own = `?certdir=${certdir}&certname=root`
      assert.match(String(await iden(`ssl://localhost:${strict}/${own}`)), /^[0-9a-f]{32}$/)
      await assert.rejects(iden(`ssl://root:secret@localhost:${strict}/?certdir=${certdir}`), LinkDown)
    } finally {
      await cortex.stop()
    }
  }

  const server = whoamiServer()
  t.after(() => server.close())
  const listen = (query: string) =>
    server.listen(parseUrl(`ssl://127.0.0.1:0/?hostname=localhost&certdir=${certdir}${query}`))
  const [open, strict] = [await listen(''), await listen('&ca=ours')]
  const whoami = async (release: Release, port: unknown, dir: string, query = '') => {
    const url = `ssl://root:secret@localhost:${port}/${query}`
    const [answer] = await callWith(release, url, [['whoami', [], {}]], { SYN_CERT_DIR: dir })
    return answer
  }
  const empty = tempDir(t)
  for (const release of ['01x', '200', 'latest'] as const) {
    assert.deepEqual(await whoami(release, open, certdir), { ok: 'root' }, release)
    assert.ok('exc' in (await whoami(release, open, empty)), 'a client that does not know the authority')
  }
  assert.deepEqual(await whoami('latest', strict, certdir, '?certname=root'), { ok: 'root' })
  assert.ok('exc' in (await whoami('latest', strict, certdir)), 'a client without a certificate')
})
