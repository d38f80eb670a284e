import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { buid } from '../../src/bytes/hash.js'
import { hexBytes } from '../../src/bytes/hex.js'
import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { migrate, verify } from '../../src/index.js'
import { readSource } from '../../src/source/cortex-dir.js'
import { firstLacking, firstUnstoredSplice, writtenSplices } from '../../src/source/stored-splices.js'
import { tempDir, unpack } from '../support/cortex.js'
import { del, plant, rowsOf } from '../support/plant.js'

const NODE: Value = ['inet:ipv4', 1]
const USER = 'ab'.repeat(16)

test('a sync starts where nodes end that were copied before their splices', async (t) => {
  const dir = tempDir(t)
  const srcDir = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  const source = readSource(srcDir)
  const [{ iden, dir: layerDir }] = source.layers
  const log = rowsOf(join(layerDir, 'splices.lmdb'), 'splices')
  const written = writtenSplices(source, { dir: srcDir, iden, nextSplice: log.length })
  assert.equal(firstUnstoredSplice(written), log.length)

  // Undo what the last two splices of a node did.
  const last = log.slice(-2).map(({ value }) => {
    const [type, info] = decode(value) as [string, PackMap]
    assert.equal(type, 'prop:set')
    return del('bybuid', rowKey(String(info.get('prop')), info.get('ndef')))
  })
  plant(join(layerDir, 'layer.lmdb'), last)
  assert.equal(firstUnstoredSplice(written), log.length - 2)
  const destDir = join(dir, 'dest')
  const said: string[] = []
  await migrate({ srcDir, destDir, workers: 1 }, { onLog: (_, text) => said.push(text) })
  assert.ok(said.some((text) => text.endsWith(`a sync starts at splice ${log.length - 2} of ${log.length}`)))
  const offsets = readFileSync(join(destDir, 'migration', 'lyroffs.yaml'), 'utf8')
  assert.match(offsets, new RegExp(`nextoffs: ${log.length - 2}$`, 'm'))
  assert.equal((await verify({ srcDir, destDir, workers: 1 })).differenceCount, 0)
})

test('the last splice of each row tells whether the nodes have it', () => {
  const ever: Value = [null, null]
  const node = { '*inet:ipv4': 1 }
  const added = ['node:add', {}] as const
  const set = ['prop:set', { prop: 'asn', valu: 7, oldv: 6 }] as const
  const unset = ['prop:del', { prop: 'asn', valu: 7 }] as const
  const tag = ['tag:add', { tag: 'a.b', valu: ever, oldv: null }] as const
  const untag = ['tag:del', { tag: 'a.b', valu: ever }] as const
  const tagProp = ['tag:prop:set', { tag: 'a.b', prop: 'score', valu: 3, curv: null }] as const
  const all = [added, set, tag, tagProp]
  assert.equal(startOf(all, {}), 0)
  assert.equal(startOf(all, node), 1)
  assert.equal(startOf(all, { ...node, asn: 6, '#a.b': ever, '#a.b:score': 3 }), 1)
  assert.equal(startOf(all, { ...node, asn: 7 }), 2)
  assert.equal(startOf(all, { ...node, asn: 7, '#a.b': ever }), 3)
  assert.equal(startOf(all, { ...node, asn: 7, '#a.b': ever, '#a.b:score': 3 }), 4)

  // What is gone proves nothing of the splices before; a tag takes its tag props along.
  assert.equal(startOf([added, set, unset], node), 3)
  assert.equal(startOf([added, set, unset], { ...node, asn: 7 }), 2)
  assert.equal(startOf([added, set, tag, unset], node), 2)
  assert.equal(startOf([added, tag, tagProp, untag], node), 4)
  assert.equal(startOf([added, ['node:del', {}]], {}), 2)
  assert.equal(startOf([added, ['node:del', {}]], node), 1)

  // Older by more than one splice of the row.
  const more = [8, 9].map((valu) => ['prop:set', { prop: 'asn', valu, oldv: valu - 1 }] as const)
  assert.equal(startOf([added, set, tag, ...more], { ...node, asn: 7, '#a.b': ever }), 3)
  // What has changed without a splice since is not set back to what its last splice says.
  assert.equal(startOf([added, set, ...more], { ...node, asn: 100 }), 4)
  assert.equal(startOf([added, set, unset], { ...node, asn: 100 }), 3)
  assert.equal(startOf([added, tag], { ...node, '#a.b': [1, 2] }), 2)

  // A row that was set back has its value in older nodes too, and proves nothing of the splices between.
  const reset = ['prop:set', { prop: 'asn', valu: 8 }] as const
  const rows = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`p${i}`, i]))
  const before = Object.keys(rows).map((prop, i) => ['prop:set', { prop, valu: i }] as const)
  assert.equal(startOf([added, ...before, set, tag, reset, set], { ...node, ...rows, asn: 7 }), 12)

  // After a bulk delete it does not look at rows without end.
  const gone = Array.from({ length: 2_001 }, (_, i) => ['prop:del', { prop: `p${i}`, valu: i }] as const)
  assert.equal(startOf([added, ...gone.slice(2)], {}), 0)
  assert.equal(startOf([added, ...gone], {}), 2_002)

  // Splices of somebody else, or none at all.
  assert.equal(startOf([added, ['prop:set', { prop: 'asn', valu: 7, user: 'ff' }]], node), 2)
  assert.equal(startOf([added, ['foo:bar', {}]], node), 2)
  // More than are read at once.
  const many = Array.from({ length: 3_000 }, (_, i) => ['prop:set', { prop: `p${i}`, valu: i }] as const)
  assert.equal(startOf([added, ...many], node), 1)
})

/** Where a sync starts, for a log with these splices of one node, and the rows of that node. */
function startOf(
  splices: readonly (readonly [type: string, info: Readonly<Record<string, Value>>])[],
  rows: Readonly<Record<string, Value>>,
): number {
  const log = splices.map(([type, info], i) => {
    const entries = Object.entries({ ndef: NODE, user: USER, ...info })
    return { key: offsetKey(i), value: encode([type, new PackMap(entries)]) }
  })
  const nodes = new Map(
    Object.entries(rows).map(([name, valu]) => [hexBytes(rowKey(name)), encode([valu, new Uint8Array(1)])]),
  )
  const within = (key: Uint8Array, gte: Uint8Array | null, lt: Uint8Array | null) =>
    (gte === null || Buffer.compare(key, gte) >= 0) && (lt === null || Buffer.compare(key, lt) < 0)
  return firstLacking(
    {
      rows: function* (gte = null, lt = null) {
        yield* log.filter(({ key }) => within(key, gte, lt))
      },
    },
    { get: (key) => nodes.get(hexBytes(key)) },
    splices.length,
    new Set([USER]),
  )
}

function rowKey(name: string, ndef: Value = NODE): Uint8Array {
  return Buffer.concat([buid(ndef), Buffer.from(name)])
}

function offsetKey(offset: number): Uint8Array {
  const key = Buffer.alloc(8)
  key.writeBigUInt64BE(BigInt(offset))
  return key
}
