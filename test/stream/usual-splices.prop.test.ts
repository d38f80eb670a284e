import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Ext, encode, Float, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { Slab } from '../../src/slab/slab.js'
import type { StortypeSource } from '../../src/translate/stortypes.js'
import { extractBoth } from '../support/both-extracts.js'
import { tempDir } from '../support/fixture.js'

const old = encode('renamed')
/** `old:form` is of an older model, as are values of `refs` and the prop `disolved`. */
const stortypes: StortypeSource = {
  formStortype: (form) => ({ 'inet:fqdn': 17, 'inet:ipv4': 4, 'test:wide': 0x8001, 'old:form': 1, refs: 13 })[form],
  propStortype: (_form, prop) => ({ asn: 9, '.seen': 12, '.created': 11, names: 0x8001, wide: 200, data: 13 })[prop],
  tagPropStortype: (prop) => ({ risk: 9 })[prop],
  names: {
    isOld: (form) => form === 'old:form' || form === 'refs',
    ndef: (ndef) => (Buffer.from(ndef).includes('old:form') ? encode(['inet:fqdn', 'now']) : null),
    prop: (_form, name, valu) => (name === 'disolved' ? { name: old, valu } : null),
  },
}

const IDENS = ['8a34edc119519b66b0a2ec6a2c1c1ac3', '5f1ac5a2c2b8b1e2a1c3fd1c7e8f3b20']
const NDEFS: Value[] = [
  ['inet:fqdn', 'vertex.link'],
  ['inet:fqdn', 'woot.com'],
  ['inet:fqdn', 'bücher.example'],
  ['inet:ipv4', 0x01020304],
  ['test:wide', [-1, -33, -200, -40_000, -(2 ** 40), 200, 70_000, 2 ** 40, new Float(1), null, true, 'x'.repeat(300)]],
  ['test:wide', Array.from({ length: 20 }, (_, i) => i)],
  ['test:wide', new PackMap([['a', 1]])],
  ['test:wide', Buffer.alloc(5000, 7)],
  ['test:wide', 'y'.repeat(150)],
  ['inet:fqdn', '\ud83d'],
  ['nope:form', 1],
  ['old:form', 'x'],
  ['refs', [['inet:fqdn', 'x'], 1]],
  'no ndef',
]
const VALUES: Value[] = [
  5,
  -5,
  0xffff_ffff,
  '',
  'short',
  'grüße',
  [1, 2],
  [null, null],
  new PackMap([['k', [1]]]),
  new Float(0.5),
  new Ext(5, Uint8Array.of(1)),
  null,
  'overflow '.repeat(500),
  'large '.repeat(20_000),
]

const usual = <T>(values: readonly T[], most: number) =>
  fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...values.slice(0, most)) }, fc.constantFrom(...values))
const parts = fc.record({
  type: usual(
    ['prop:set', 'node:add', 'prop:del', 'tag:add', 'tag:del', 'tag:prop:set', 'tag:prop:del', 'node:del', 'foo:bar'],
    8,
  ),
  ndef: fc.nat(NDEFS.length - 1),
  prop: usual(['asn', '.created', 'names', 'wide', 'data', 'risk', 'nope', 'disolved', 5, null], 6),
  tag: usual<Value | undefined>(['foo', 'foo.bar', undefined, 7], 2),
  /** One more than there are: none. */
  valu: fc.nat(VALUES.length),
  oldv: fc.constantFrom<Value | undefined>(undefined, undefined, null, [1, 2]),
  time: usual<Value>([1_546_300_800_000, 1_546_300_800_001, 5, null], 2),
  user: usual<Value>([IDENS[0], IDENS[1], 'bobo', null], 2),
  prov: usual<Value | undefined>([IDENS[1], IDENS[1], IDENS[0], undefined, null], 3),
  /** How often the splice comes, and how many offsets are missing before it. */
  times: usual([1, 2, 40], 2),
  gap: usual([0, 0, 3], 2),
  spoil: usual(['none', 'byte', 'cut', 'longer', 'double', 'swap', 'key', 'wide', 'count'] as const, 1),
  at: fc.nat(),
})
type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never
/** A run of splices of few ndefs: changes of the same node follow each other. */
const log = fc.array(
  fc
    .record({ ndef: fc.nat(NDEFS.length - 1), changes: fc.array(parts, { minLength: 1, maxLength: 8 }) })
    .map(({ ndef, changes }) => changes.map((change) => (change.at % 8 === 0 ? change : { ...change, ndef }))),
  { minLength: 1, maxLength: 8 },
)

function rawSplice({ type, ndef, prop, tag, valu, oldv, time, user, prov, spoil, at }: Parts): Buffer {
  const isTag = type.startsWith('tag')
  const isSet = type.endsWith('set') || type === 'tag:add'
  const entries: [string, Value | undefined][] = [
    ['ndef', NDEFS[ndef]],
    ['tag', isTag ? tag : undefined],
    ['prop', type.includes('prop') ? prop : undefined],
    ['valu', type.startsWith('node') ? undefined : VALUES[valu]],
    ['oldv', isSet && type !== 'tag:prop:set' ? oldv : undefined],
    ['curv', type === 'tag:prop:set' ? oldv : undefined],
    ['time', time],
    ['user', user],
    ['prov', prov],
  ]
  if (spoil === 'swap') entries.reverse()
  if (spoil === 'double') entries.splice(4, 0, ['valu', 'twice'])
  const info = new PackMap(entries.filter((entry): entry is [string, Value] => entry[1] !== undefined))
  const raw = Buffer.from(encode([type, info]))
  if (spoil === 'wide') return withWideHeads(raw)
  // The head of the map follows the array's and the type.
  if (spoil === 'count') raw[2 + type.length] -= 1 - 2 * (at % 2)
  if (spoil === 'byte') raw[at % raw.length] ^= 1 << (at % 8)
  if (spoil === 'cut') return raw.subarray(0, at % raw.length)
  return spoil === 'longer' ? Buffer.concat([raw, raw.subarray(0, at % 5)]) : raw
}

/** With longer heads in the ndef than Synapse's encoder writes. */
function withWideHeads(raw: Buffer): Buffer {
  const wide = raw
    .toString('latin1')
    .replace('\xa8woot.com', '\xd9\x08woot.com')
    .replace('\xabvertex.link', '\xd9\x0bvertex.link')
  return Buffer.from(wide.replace('\xce\x01\x02\x03\x04', '\xcf\0\0\0\0\x01\x02\x03\x04'), 'latin1')
}

async function writeLog(path: string, items: readonly Parts[]): Promise<number> {
  const slab = await Slab.open(path)
  const db = slab.db('splices')
  let offset = 0
  slab.write(() => {
    for (const item of items) {
      offset += item.gap
      for (let i = 0; i < item.times; i++) db.put(keyOf(offset++), rawSplice(item))
      if (item.spoil === 'key') db.put(Buffer.concat([keyOf(offset), Uint8Array.of(1)]), rawSplice(item))
    }
  })
  await slab.close()
  return offset
}

function keyOf(offset: number): Buffer {
  const key = Buffer.alloc(8)
  key.writeBigUInt64BE(BigInt(offset))
  return key
}

const dir = tempDir()
let logs = 0

test('extractSplices() makes the same pages with the kernel of any mix of splices, however it is cut', async () => {
  let inKernel = 0
  let translated = 0
  await fc.assert(
    fc.asyncProperty(log, fc.array(fc.nat(), { maxLength: 3 }), async (groups, cuts) => {
      const path = join(dir, `${logs++}.lmdb`)
      const count = await writeLog(path, groups.flat())
      const whole = extractBoth(stortypes, path, 0, null)
      inKernel += whole.inKernel
      translated += whole.result.translated
      const starts = [...new Set([0, ...cuts.map((cut) => cut % count)])].sort((a, b) => a - b)
      const ranges = starts.map((start, i) => extractBoth(stortypes, path, start, starts[i + 1] ?? null))
      assert.deepEqual(
        ranges.flatMap(({ rows }) => rows),
        whole.rows,
      )
    }),
    { numRuns: 50 },
  )
  assert.ok(inKernel > translated / 10, `${inKernel} of ${translated} in the kernel`)
})

const plain: Parts = {
  ...{ type: 'prop:set', ndef: 0, prop: 'asn', tag: 'foo', valu: 0, oldv: undefined, time: 1_546_300_800_000 },
  ...{ user: IDENS[0], prov: IDENS[1], times: 1, gap: 0, spoil: 'none', at: 0 },
}

test('extractSplices() makes the same pages with the kernel of each unusual splice among usual ones', async () => {
  const types = ['node:add', 'node:del', 'prop:set', 'prop:del', 'tag:add', 'tag:del', 'tag:prop:set', 'tag:prop:del']
  const odd: Parts[] = [
    ...NDEFS.flatMap((_, ndef) =>
      (['none', 'wide', 'byte'] as const).map((spoil) => ({ ...plain, ndef, spoil, at: 40 })),
    ),
    ...types.flatMap((type) => Array.from({ length: VALUES.length + 1 }, (_, valu) => ({ ...plain, type, valu }))),
    ...types.flatMap((type) =>
      [undefined, 7].map((tag) => ({ ...plain, type, tag, prop: 'risk', oldv: null }) satisfies Parts),
    ),
    ...['nope', 'disolved', 5, null].map((prop) => ({ ...plain, prop })),
    ...(['cut', 'longer', 'double', 'swap', 'key', 'count'] as const).flatMap((spoil) =>
      [42, 43].map((at) => ({ ...plain, spoil, at })),
    ),
  ]
  const path = join(dir, 'each.lmdb')
  const count = await writeLog(
    path,
    odd.flatMap((item) => [{ ...plain, ndef: item.ndef }, item, { ...plain, ndef: item.ndef }, { ...plain, ndef: 4 }]),
  )
  const whole = extractBoth(stortypes, path, 0, null)
  assert.equal(whole.result.translated + whole.result.failures, count + 2)
  assert.ok(whole.inKernel > count / 4)
})

test('extractSplices() takes any damaged log with the kernel as it does without', async () => {
  const path = join(dir, 'whole.lmdb')
  const items = Array.from({ length: 200 }, (_, i) => ({
    ...plain,
    ...{ type: i % 5 === 0 ? 'node:add' : 'prop:set', ndef: Math.floor(i / 5) % 4, valu: i % 9 },
  }))
  await writeLog(path, items)
  const whole = readFileSync(join(path, 'data.mdb'))
  const leaves = Array.from({ length: whole.length / 4096 }, (_, page) => page * 4096).filter(
    (at) => at >= 8192 && (whole.readUInt16LE(at + 10) & 2) !== 0 && whole.readUInt16LE(at + 12) > 20,
  )
  assert.ok(leaves.length > 3)
  let errors = 0
  fc.assert(
    fc.property(fc.nat(leaves.length - 1), fc.nat(4095), fc.nat(255), fc.boolean(), (leaf, at, byte, isHead) => {
      const damaged = Buffer.from(whole)
      damaged[leaves[leaf] + (isHead ? at % 64 : at)] = byte
      const copy = join(dir, 'damaged.lmdb')
      mkdirSync(copy, { recursive: true })
      writeFileSync(join(copy, 'data.mdb'), damaged)
      try {
        extractBoth(stortypes, copy, 0, null)
      } catch (error) {
        if ((error as { code?: string }).code === 'ERR_ASSERTION') throw error
        errors++
      }
    }),
    { numRuns: 300, examples: [[2, 267, 1, false]] },
  )
  assert.ok(errors > 10)
})
