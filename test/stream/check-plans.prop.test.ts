import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode, encode, Float, PackMap, pyEquals, type Value } from '../../src/bytes/msgpack.js'
import { kernel } from '../../src/kernel/kernel.js'
import { Model } from '../../src/model/model.js'
import type { Type } from '../../src/model/type.js'
import { NormError } from '../../src/norm-error.js'
import { CheckPlans } from '../../src/stream/check-plans.js'
import { PlanHelp } from '../../src/stream/plan-help.js'
import { NodePlans } from '../../src/translate/node-plans.js'
import type { Vector } from '../support/vector-check.js'

const model = Model.core()
const checks = new CheckPlans(kernel())
kernel().nodeHelp = new PlanHelp(kernel(), new NodePlans(model, 'l'.repeat(32)), [], checks, () =>
  assert.fail('no value is big'),
)
const at = kernel().calls.allocate(1 << 12)

/** Whether the kernel is sure that the value norms to itself. */
function isSure(type: Type, packed: Uint8Array): boolean {
  const check = checks.of(type)
  kernel().mem.set(packed, at)
  return check !== 0 && kernel().calls.isSure(check, at, at + packed.length) !== 0
}

function isNormed(type: Type, value: Value): boolean {
  try {
    return pyEquals(type.norm(value).valu, value)
  } catch (error) {
    if (error instanceof NormError) return false
    throw error
  }
}

function named(name: string, opts = {}): Type {
  return model.clone(model.type(name) as Type, opts)
}

/** Values that types of the model norm to, and a few more. */
const norms = readFileSync('test/fixtures/vectors/norm.jsonl', 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector)
  .filter((vector) => typeof vector.outx === 'string' && vector.opts === undefined)
  .map((vector) => ({
    type: named(vector.type as string),
    value: decode(Buffer.from(vector.outx as string, 'hex')),
  }))

/** What is usual of each kind of check. */
const USUAL: [type: Type, values: Value[]][] = [
  [named('inet:fqdn'), ['www.vertex.link', 'a', 'xn--4dbr.xn--q9jyb4c', 'a_b.1', '1.2.3.4a']],
  [named('inet:ipv4'), [0, 1, 0x7f, 0x80, 0xffff, 0x10000, 0xffffffff]],
  [
    named('inet:ipv6'),
    ['::', '::1', 'fe80::', '1:2:3:4:5:6:7:8', '2001:db8::1:0:0:1', '::ffff:1.2.3.4', '1:0:3:4:5:6:7:8'],
  ],
  [named('inet:cidr4'), ['1.2.3.0/24', '0.0.0.0/0', '1.2.3.4/32', '128.0.0.0/1']],
  [named('inet:cidr6'), ['2001:db8::/32', '::/0', '1:2:3:4:5:6:7:8/128', '1:2:3:4:8000::/65', '1:2:3:4::/64']],
  [
    named('inet:net6'),
    [
      ['::1', '::2'],
      ['::', '::'],
      ['::ffff:1.2.3.4', 'fe80::'],
    ],
  ],
  [named('inet:rfc2822:addr'), ['visi@vertex.link', 'foo bar <v.i_si@vertex.link>', 'a <b@c>']],
  [named('inet:mac'), ['00:11:22:aa:bb:ff']],
  [named('it:sec:cve'), ['cve-2020-1234', 'cve-2020-1234567']],
  [named('ou:alias'), ['a', 'vertex_1']],
  [named('tel:mob:mnc'), ['01', '123']],
  [named('tel:mob:imei'), [490154203237518, 100000000000009]],
  [
    named('int', {
      enums: [
        [1, 'one'],
        [2, 'two'],
        [-70000, 'three'],
      ],
    }),
    [1, 2, -70000],
  ],
  [named('str', { regex: '^(a[0-9]){2}b*c?d{1,2}e{2,}$' }), ['a1a2bbcddee', 'a1a2deeee', 'a0a0cdee']],
  [named('str', { regex: '^a$', strip: true, onespace: 1 }), ['a']],
  [named('str', { regex: '(?i)^A[B-C]-$', lower: true }), ['ab-']],
  [named('inet:url'), ['http://a.bc', 'https://www.vertex.link:443/A/ü?q=?', 'a+b://x?y', 'http://a:0/', 'http://a/']],
  [named('inet:email'), ['visi@vertex.link', '@a.b', 'a+b@c.de']],
  [named('inet:server'), ['tcp://1.2.3.4', 'udp://0.10.255.1:65535', 'icmp://1.1.1.1:0', 'tcp://1.2.3.4:80']],
  [named('inet:dns:a'), [['vertex.link', 16909060]]],
  [named('inet:dns:name'), ['vertex.link', '1.0.0.127.in-addr.arp', '']],
  [named('ou:org'), ['8f1401de15918358d5247e21ca29a814']],
  [named('file:bytes'), [`sha256:${'0f'.repeat(32)}`, `guid:${'a9'.repeat(16)}`]],
  [named('file:base'), ['foo bar.exe', 'a', '[x]~']],
  [named('file:path'), ['/usr/bin/x y', 'c:/windows', '/a', 'a/.../..b/.c']],
  [named('hash:md5'), ['8f1401de15918358d5247e21ca29a814']],
  [named('hash:sha256'), ['0f'.repeat(32)]],
  [named('hex'), ['ab', '00'.repeat(300)]],
  [named('syn:tag'), ['foo.bar', 'a', '_1.2_']],
  [named('loc'), ['us.ca', '', '..']],
  [named('tel:phone'), ['1', '123456789']],
  [named('tel:mob:imsi'), [0, 999999999999999]],
  [named('it:semver'), [0, 2 ** 53 - 1]],
  [named('bool'), [0, 1]],
  [named('int'), [0, -1, -32, -33, -128, -129, 2 ** 53 - 1, -(2 ** 53) + 1]],
  [named('int', { size: 1 }), [127, -128]],
  [named('int', { size: 2, signed: false }), [0, 32767]],
  [named('int', { min: 5, max: 7 }), [5, 6, 7]],
  [named('time'), [0, -5, 1577836800000, 253402300799999]],
  [named('ival'), [[1577836800000, 1577836800001]]],
  [
    named('inet:net4'),
    [
      [1, 1],
      [5, 0xffffffff],
    ].map((pair) => pair as Value),
  ],
  [named('geo:latlong'), [[new Float(1.5), new Float(-20)]]],
  [named('float'), [new Float(0), new Float(-1e300)]],
  [
    named('edge:refs'),
    [
      [
        ['inet:fqdn', 'vertex.link'],
        ['inet:ipv4', 5],
      ],
    ],
  ],
  [named('edge:wentto'), [[['ps:person', '0f'.repeat(16)], ['inet:fqdn', 'vertex.link'], 7]]],
  [named('str'), ['', 'ab C', 'ü€𐍈', '\n']],
  [named('str', { lower: true }), ['ab c', '[x]', '\t']],
  [named('str', { strip: true }), ['A  b', 'a', '']],
  [named('str', { lower: true, strip: true }), ['a  b']],
  [named('str', { onespace: true }), ['A b c']],
  [named('str', { lower: true, onespace: true }), ['a b c']],
]

/** Values that few types have. */
const odd: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value[]>(
    null,
    true,
    false,
    [],
    new PackMap([]),
    Buffer.from('ab'),
    '',
    -1,
    2 ** 32,
    2 ** 16,
    256,
    1e15,
  ),
  fc.constantFrom<Value[]>(2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n), 2 ** 53 - 1, 253402300800000, 0x7fffffffffffffffn),
  fc.double().map((float) => new Float(float)),
  fc.constantFrom(180, -180, 90, -90, 1).map((float) => new Float(float)),
  fc.maxSafeInteger(),
  fc.string({ unit: 'binary' }),
  fc.ipV6(),
  fc.ipV4Extended(),
  fc.webUrl(),
  fc.array(fc.oneof(fc.integer(), fc.string()), { maxLength: 3 }) as fc.Arbitrary<Value>,
)

/** Types whose values no check knows. */
const ODD: Type[] = [
  ...['^a', '^a|b$', '^(a|b)$', '^a.$', '^[^a]$', '(?i)^a$', '^(?P<n>a)$', '^(a(b))$', '^a*?$', '^\\d$'].map((regex) =>
    named('str', { regex }),
  ),
  named('str', { enums: 'a,b' }),
  named('array', { type: 'int' }),
  ...['data', 'nodeprop'].map((name) => named(name)),
]

test('the kernel is sure of usual values', () => {
  for (const [type, values] of USUAL) {
    for (const value of values) {
      assert.ok(isNormed(type, value), `${type.name} ${value}`)
      assert.ok(isSure(type, encode(value)), `${type.name} ${value}`)
    }
  }
  for (const type of ODD) assert.equal(checks.of(type), 0, type.name)
})

/** What texts get in the test below: whatever one of the checks looks at. */
const BITS = [
  ...'AFafg.:/@?#- 0169é\n\\[',
  ...'..|//|::|0:|:0|0:0:|/.|256|:65536|.ip6.arpa|\ud800|\udc00\ud800'.split('|'),
  'x'.repeat(63),
]

test('the kernel is sure of no value that norming would change, among all that are close to usual ones', () => {
  for (const [type, values] of USUAL) {
    for (const value of values) {
      for (const close of closeTo(value)) assertRight(type, encode(close))
      assertRight(type, wide(value))
    }
  }
  assertRight(named('inet:cidr6'), encode('::ffff:1.2.3.4/128'))
})

test('what the kernel is sure of norms to itself, whatever the type', () => {
  const known = [...norms, ...USUAL.flatMap(([type, values]) => values.map((value) => ({ type, value })))]
  const types = [...known.map(({ type }) => type), ...ODD, ...[...model.forms.values()].map((form) => form.type)]
  const pick = fc.record({ type: fc.nat(types.length - 1), of: fc.nat(known.length - 1), other: fc.option(odd) })
  fc.assert(
    fc.property(pick, fc.boolean(), ({ type, of, other }, isWide) => {
      assertRight(types[type], (isWide ? wide : encode)(other ?? known[of].value))
    }),
    { numRuns: Number(process.env.CHECK_RUNS ?? 1500) },
  )
})

function assertRight(type: Type, packed: Uint8Array): void {
  if (!isSure(type, packed)) return
  const value = decode(packed)
  assert.ok(isNormed(type, value), `${type.name} ${JSON.stringify(type.opts)} ${JSON.stringify(value)}`)
}

/** All that differ in one place. */
function* closeTo(value: Value): Generator<Value> {
  if (typeof value === 'number') {
    for (const other of [value - 1, value + 1, -value - 1, value * 2]) if (Number.isSafeInteger(other)) yield other
    for (const other of [new Float(value), `${value}`, BigInt(value) + 2n ** 62n]) yield other
  } else if (value instanceof Float) {
    for (const other of [-180, 180, -90, 90, 91, -181, Infinity, Number.NaN]) yield new Float(other)
  } else if (typeof value === 'string') yield* textsCloseTo(value)
  else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) for (const other of closeTo(item)) yield value.with(i, other)
    yield* [value.slice(1), [...value, value[0]], [...value].reverse()]
  }
  yield* [null, true, false, [], [value], new PackMap([]), Buffer.from('ab')]
}

function* textsCloseTo(text: string): Generator<string> {
  for (let i = 0; i <= text.length && i < 80; i++) {
    yield text.slice(0, i) + text.slice(i + 1)
    yield text.slice(0, i)
    for (const bit of BITS) {
      yield text.slice(0, i) + bit + text.slice(i)
      yield text.slice(0, i) + bit + text.slice(i + 1)
      yield text.slice(0, i) + bit
    }
  }
}

/** msgpack of a value with longer heads than it needs. */
function wide(value: Value): Buffer {
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([0x90 + value.length]), ...value.map(wide)])
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    const int = Buffer.from([0xd3, 0, 0, 0, 0, 0, 0, 0, 0])
    int.writeBigInt64BE(BigInt(value), 1)
    return int
  }
  if (typeof value !== 'string') return Buffer.from(encode(value))
  const packed = encode(value)
  const bytes = packed.subarray(packed.length - Buffer.byteLength(value))
  const head = Buffer.from([0xdb, 0, 0, 0, 0])
  head.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}
