import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { encode, PackMap } from '../../src/bytes/msgpack.js'
import { LeafBuilder } from '../../src/page/leaf-builder.js'
import { Slab } from '../../src/slab/slab.js'
import { offsetKey } from '../../src/stream/offset-key.js'
import { extractSplices, type SpliceExtractResult } from '../../src/stream/splice-extract.js'
import { SpliceTranslator } from '../../src/translate/splices.js'
import type { StortypeSource } from '../../src/translate/stortypes.js'
import { buildSlab } from '../page/built-slab.js'
import { extractBoth } from '../support/both-extracts.js'
import { fixturesDir, tempDir } from '../support/fixture.js'

const fixture = JSON.parse(readFileSync(join(fixturesDir, 'splices/splices.json'), 'utf8'))
const real: Buffer[] = fixture.layers[1].splices.map((hex: string) => Buffer.from(hex, 'hex'))
const stortypes: StortypeSource = {
  formStortype: (form) => fixture.forms[form],
  propStortype: (form, prop) => fixture.props[form]?.[prop],
  tagPropStortype: (prop) => fixture.tagprops[prop],
}

const longGroup = encode([
  'node:add',
  new PackMap([
    ['ndef', ['inet:fqdn', 'long.com']],
    ['time', 1],
  ]),
])

/** Real splices, with a group of 40, two gaps, damaged values and keys that are no offsets among them. */
async function oddLog(): Promise<{ path: string; splices: Map<number, Uint8Array>; oddKeys: number }> {
  const path = join(tempDir(), 'splices.lmdb')
  const slab = await Slab.open(path)
  const db = slab.db('splices')
  const splices = new Map<number, Uint8Array>()
  const log = [...real.slice(0, 300), ...Array.from({ length: 40 }, () => longGroup), ...real.slice(300)]
  for (const [offset, raw] of log.entries()) splices.set(offset, raw)
  for (const offset of [5, 6, 7, 311, 500]) splices.delete(offset)
  splices.set(100, real[100].subarray(0, 20))
  splices.set(320, Uint8Array.of(0xc1))
  const oddKeys = [Buffer.from('0000', 'hex'), Buffer.from('00000000000000ff00', 'hex'), Buffer.alloc(8, 0xff)]
  slab.write(() => {
    for (const [offset, raw] of splices) {
      const key = Buffer.alloc(8)
      key.writeBigUInt64BE(BigInt(offset))
      db.put(key, raw)
    }
    for (const key of oddKeys) db.put(key, longGroup)
  })
  await slab.close()
  return { path, splices, oddKeys: oddKeys.length }
}

const extract = (slabPath: string, start: number, end: number | null) => extractBoth(stortypes, slabPath, start, end)

test('extractSplices() gives the same rows and failures however the log is cut', async () => {
  const { path, splices, oddKeys } = await oddLog()
  const whole = extract(path, 0, null)
  assert.equal(whole.result.translated + whole.result.failures, splices.size + oddKeys)
  assert.equal(whole.result.failures, 2 + oddKeys)
  assert.equal(whole.result.missing, 5)
  assert.deepEqual(whole.result.gaps, [
    [5, 8],
    [311, 312],
    [500, 501],
  ])
  assert.deepEqual([whole.result.firstOffset, whole.result.lastOffset], [0, real.length + 39])

  for (const size of [1, 2, 7, 10, 39, 300, 312, 1000]) {
    const parts: ReturnType<typeof extract>[] = []
    for (let start = 0; start < real.length + 40; start += size) {
      const end = start + size
      parts.push(extract(path, start, end < real.length + 40 ? end : null))
    }
    const sum = (field: (result: SpliceExtractResult) => number) =>
      parts.reduce((total, part) => total + field(part.result), 0)
    assert.deepEqual(
      parts.flatMap((part) => part.rows),
      whole.rows,
      `ranges of ${size}`,
    )
    assert.deepEqual(
      parts.flatMap((part) => part.failures.map(({ message }) => message)).sort(),
      whole.failures.map(({ message }) => message).sort(),
    )
    assert.equal(
      sum((result) => result.translated),
      whole.result.translated,
    )
    assert.equal(
      sum((result) => result.missing),
      5,
    )
  }
})

test('extractSplices() writes what the translator writes over the whole log', async () => {
  const path = join(tempDir(), 'splices.lmdb')
  const slab = await Slab.open(path)
  const db = slab.db('splices')
  slab.write(() => {
    real.forEach((raw, offset) => {
      const key = Buffer.alloc(8)
      key.writeBigUInt64BE(BigInt(offset))
      db.put(key, raw)
    })
  })
  await slab.close()
  const expected: string[] = []
  const translator = new SpliceTranslator(stortypes, {
    nodeEdit: ({ buf, rowStart, end }) => expected.push(Buffer.from(buf.subarray(rowStart, end)).toString('hex')),
    failure: (failure) => assert.fail(failure.message),
  })
  for (const [offset, raw] of real.entries()) translator.add(offset, raw, 0, raw.length)
  translator.flush()
  assert.ok(expected.length > 100)
  const { rows, inKernel } = extract(path, 0, null)
  assert.deepEqual(rows, expected)
  assert.equal(inKernel, real.length)
})

test('extractSplices() makes nothing of a slab without splices', async () => {
  const path = join(tempDir(), 'splices.lmdb')
  await (await Slab.open(path)).close()
  const { result } = extract(path, 0, null)
  assert.deepEqual([result.rows, result.translated, result.failures, result.missing], [0, 0, 0, 0])
  assert.deepEqual([result.firstOffset, result.lastOffset], [null, null])
})

test('extractSplices() never loses a splice to a damaged branch page', () => {
  const path = join(tempDir(), 'astray.lmdb')
  const splice = (prop: string) =>
    encode([
      'prop:set',
      new PackMap([
        ['ndef', ['inet:fqdn', 'long.com']],
        ['prop', prop],
        ['valu', 'x'.repeat(600)],
        ['time', 1_546_300_800_000],
        ['user', '8a34edc119519b66b0a2ec6a2c1c1ac3'],
        ['prov', '5f1ac5a2c2b8b1e2a1c3fd1c7e8f3b20'],
      ]),
    ])
  // One group over several pages, which its last splice leaves to JavaScript.
  const rows = Array.from({ length: 60 }, (_, i) => ({
    key: offsetKey(i),
    value: splice(i < 59 ? 'zone' : 'nope'),
  }))
  buildSlab(path, { splices: { dupSort: false, rows } })
  const file = join(path, 'data.mdb')
  const bytes = readFileSync(file)
  const branch = pageStarts(bytes).find((at) => bytes.readUInt16LE(at + 10) === 1) ?? 0
  assert.ok(branch > 0)
  // The second leaf is now said to start at the first offset.
  const node = branch + bytes.readUInt16LE(branch + 18)
  bytes.fill(0, node + 8, node + 16)
  writeFileSync(file, bytes)
  const builder = new LeafBuilder({ dupSort: false, emit: () => {} })
  const extract = () =>
    extractSplices({ slabPath: path, start: 0, end: null, stortypes, rows: builder, failure: () => {} })
  assert.throws(extract, { code: 'ERR_SLAB_CORRUPT', message: /splice 0 is not where its key belongs/ })
  builder.finish()
})

function pageStarts(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 4096 - 2 }, (_, page) => 4096 * (page + 2))
}
