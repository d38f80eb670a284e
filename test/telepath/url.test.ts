import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isTelepath, resolveUrl } from '../../src/telepath/aliases.js'
import { BadUrl } from '../../src/telepath/errors.js'
import { endpointOf, layerUrl, parseUrl, showUrl } from '../../src/telepath/url.js'

interface UrlVector {
  readonly url: string
  readonly error?: string
  readonly info?: Record<string, unknown>
}

const vectors: UrlVector[] = JSON.parse(readFileSync('test/fixtures/telepath/url-vectors.json', 'utf8'))

test('parseUrl() takes urls apart as Synapse does', () => {
  for (const { url, error, info } of vectors) {
    if (error) {
      assert.throws(() => parseUrl(url), BadUrl, url)
      continue
    }
    const { query, ...rest } = parseUrl(url)
    const found = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null))
    assert.deepEqual(query.size > 0 ? { ...found, query: Object.fromEntries(query) } : found, info, url)
  }
})

test('showUrl() and the errors of parseUrl() never hold a password', () => {
  for (const { url, error } of vectors) {
    if (!error) assert.doesNotMatch(showUrl(parseUrl(url)), /secret|p@ss|:p@|:pw@|:P@|p%20w/, url)
  }
  assert.equal(showUrl(parseUrl('tcp://root:hunter2@[::1]:99/x?passwd=hunter2')), 'tcp://root:****@[::1]:99/x')
  for (const url of ['tcp://u:hun/ter2@h:1', 'tcp://u:hun?ter2@h:1/', 'root:hunter2@host', 'tcp://u:9hun/ter2@h:1']) {
    assert.throws(
      () => resolveUrl(url),
      (error) => error instanceof BadUrl && !/hun|ter2/.test(error.message),
    )
  }
})

test('endpointOf() finds address and share, and refuses what leads nowhere', () => {
  const cases: [string, object][] = [
    ['tcp://h:1', { kind: 'tcp', host: 'h', port: 1, name: '' }],
    ['TCP://h:1/cortex/', { kind: 'tcp', host: 'h', port: 1, name: 'cortex' }],
    ['ssl://h:1/a/b', { kind: 'ssl', host: 'h', port: 1, name: 'a/b' }],
    ['unix:///a/sock', { kind: 'unix', file: '/a/sock', name: '*' }],
    ['unix:///a/sock:x/layer/1', { kind: 'unix', file: '/a/sock', name: 'x/layer/1' }],
    ['cell:///a/b', { kind: 'unix', file: '/a/b/sock', name: '*' }],
    ['cell:///a/b/:cortex', { kind: 'unix', file: '/a/b/sock', name: 'cortex' }],
    ['cell://rel/a:*', { kind: 'unix', file: 'rel/a/sock', name: '*' }],
  ]
  for (const [url, wanted] of cases) {
    assert.deepEqual(endpointOf(parseUrl(url)), wanted, url)
  }
  for (const url of ['tcp://h/x', 'tcp://:1/x', 'http://h:1/', 'tcp+consul://svc/x', 'cell:///a:b:c', 'unix://']) {
    assert.throws(() => endpointOf(parseUrl(url)), BadUrl, url)
  }
})

test('layerUrl() opens a layer of the share that the url names, cortex if none', () => {
  const iden = '333af34fa802ec35dbafa7ca97474f16'
  const cases: [string, string][] = [
    ['tcp://foo:123', `tcp://foo:123/cortex/layer/${iden}`],
    ['tcp://foo:123/', `tcp://foo:123/cortex/layer/${iden}`],
    ['TCP://foo:123/*', `tcp://foo:123/cortex/layer/${iden}`],
    ['ssl://u:p@foo:123/mine/', `ssl://u:****@foo:123/mine/layer/${iden}`],
    ['cell:///d/core', `cell:///d/core:*/layer/${iden}`],
    ['cell:///d/core/:cortex', `cell:///d/core:cortex/layer/${iden}`],
    ['cell://rel/core:cortex', `cell://rel/core:cortex/layer/${iden}`],
    ['cell://rel', `cell://rel:*/layer/${iden}`],
    ['unix:///d/sock:cortex', `unix:///d/sock:cortex/layer/${iden}`],
    ['unix:///d/sock', `unix:///d/sock:*/layer/${iden}`],
  ]
  for (const [url, wanted] of cases) {
    const layer = layerUrl(parseUrl(url), iden)
    assert.equal(showUrl(layer), wanted)
    const { name } = endpointOf(layer)
    assert.match(name, /^(cortex|mine|\*)\/layer\/[0-9a-f]{32}$/, url)
  }
})

test('resolveUrl() looks for aliases: exact names first, then what stands before the first slash', () => {
  const dir = mkdtempSync(join(tmpdir(), 'aliases-'))
  const before = process.env.SYN_DIR
  process.env.SYN_DIR = dir
  try {
    assert.throws(() => resolveUrl('core'), BadUrl)
    writeFileSync(join(dir, 'aliases.yaml'), 'core: tcp://root:s@h:1\ncore/x: tcp://other:2/\n')
    assert.equal(showUrl(resolveUrl('core')), 'tcp://root:****@h:1')
    assert.equal(showUrl(resolveUrl('core/x')), 'tcp://other:2/')
    assert.equal(showUrl(resolveUrl('core/cortex/y')), 'tcp://root:****@h:1/cortex/y')
    assert.throws(() => resolveUrl('nope/x'), BadUrl)
    for (const text of ['core', 'core/x', 'core/y', 'nope', 'nope/x']) {
      assert.equal(isTelepath(text), !text.startsWith('nope'), text)
    }
    writeFileSync(join(dir, 'aliases.yaml'), 'core: [tcp://root:hunter2@h:1\n')
    assert.ok(isTelepath('core'))
    assert.throws(
      () => resolveUrl('core'),
      (error) => error instanceof BadUrl && /aliases\.yaml/.test(error.message) && !/hunter2|\n/.test(error.message),
    )
  } finally {
    if (before === undefined) delete process.env.SYN_DIR
    else process.env.SYN_DIR = before
    rmSync(dir, { recursive: true })
  }
})
