import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode, PackMap, utf8, type Value } from '../../src/bytes/msgpack.js'
import { Hive } from '../../src/slab/hive.js'
import { translateAuth, translateRules } from '../../src/translate/auth.js'

const ROOT = '0'.repeat(32)
const FRED = '1'.repeat(32)
const NINJAS = '2'.repeat(32)
const LAYER = '3'.repeat(32)
const VIEW = '4'.repeat(32)
const GONE = 'f'.repeat(32)
const CELL = 'c'.repeat(32)

test('translateRules() gives rules the paths of 0.2.x', () => {
  const cases: [Value[], Value[]][] = [
    [['foo', 'baz'], ['foo', 'baz']],
    [['storm'], ['storm']],
    [['storm', 'queue', 'get'], ['queue', 'get']],
    [['storm', 'lib', 'queue', 'list'], ['lib', 'queue', 'list']],
    [['storm', 'pkg', 'get'], ['pkg', 'get']],
    [['storm', 'impersonate'], ['impersonate']],
    [['storm', 'service', 'get'], ['service', 'get']],
    [['storm', 'node', 'data'], ['node', 'data']],
    [['tag:add', 'foo', 'bar'], ['node', 'tag', 'add', 'foo', 'bar']],
    [['tag:add', 'foo.bar'], ['node', 'tag', 'add', 'foo.bar']],
    [['prop:set', 'inet:ipv4:asn'], ['node', 'prop', 'set', 'inet:ipv4:asn']],
    [['node:add'], ['node', 'add']],
    [['layer:lift', LAYER], ['layer', 'lift', LAYER]],
    [['storm', 'tag:add'], ['tag:add']],
    [['trigger', 'add'], ['trigger', 'add']],
    [['tagprop:x'], ['tagprop:x']],
    [['*'], ['*']],
  ] // biome-ignore format: a table
  for (const [path, expected] of cases) {
    assert.deepEqual(translateRules([[true, path]]), [[true, expected]])
    assert.deepEqual(translateRules([[false, path]]), [[false, expected]])
  }
})

test('translateRules() leaves what is no rule as it is', () => {
  for (const odd of [[true, []], [true, [7, 'x']], [true], 'text', null] as Value[]) {
    assert.deepEqual(translateRules([odd]), [odd])
  }
  assert.deepEqual(translateRules(undefined), [])
}) // biome-ignore format: a list

test('translateAuth() gives the same tree when it is run again', () => {
  const hive = source()
  const first = translateAuth(hive, { queues: [['q', FRED]], cellGuid: CELL })
  const once = rowsOf(hive)
  const second = translateAuth(hive, { queues: [['q', FRED]], cellGuid: CELL })
  assert.deepEqual(rowsOf(hive), once)
  assert.deepEqual(second, first)
})

test('translateAuth() keeps the 0.1.x tree and gives everybody the role "all" once', () => {
  const hive = source()
  translateAuth(hive, { queues: [], cellGuid: CELL })
  assert.deepEqual(hive.get(['auth01x', 'users', FRED, 'rules']), [[true, ['storm', 'tag:add']]])
  assert.deepEqual(hive.get(['auth01x', 'authgates', LAYER]), 'layr')
  const all = hive.children(['auth', 'roles']).find((iden) => hive.get(['auth', 'roles', iden]) === 'all')
  assert.match(String(all), /^[0-9a-f]{32}$/)
  assert.deepEqual(hive.get(['auth', 'users', FRED, 'roles']), [NINJAS, all])
  assert.deepEqual(hive.get(['auth', 'users', ROOT, 'roles']), [all])
  const again = source()
  translateAuth(again, { queues: [], cellGuid: CELL })
  assert.deepEqual(rowsOf(again), rowsOf(hive))
})

test('translateAuth() takes a role "all" that is there, and its other rules on the default view', () => {
  const hive = source()
  hive.set(['auth', 'roles', GONE], 'all')
  hive.set(['auth', 'users', FRED, 'roles'], [GONE])
  hive.set(['auth', 'authgates', VIEW, 'roles', GONE], 'all')
  hive.set(['auth', 'authgates', VIEW, 'roles', GONE, 'rules'], [[true, ['node:add']]])
  translateAuth(hive, { queues: [], cellGuid: CELL })
  assert.deepEqual(hive.get(['auth', 'users', FRED, 'roles']), [GONE])
  assert.deepEqual(hive.get(['auth', 'authgates', VIEW, 'roles', GONE, 'rules']), [
    [true, ['node', 'add']],
    [true, ['view', 'read']],
  ])
})

test('translateAuth() reports roles and users that do not exist and goes on', () => {
  const hive = source()
  hive.set(['auth', 'users', FRED, 'roles'], [NINJAS, GONE])
  hive.set(['auth', 'authgates', LAYER, 'roles', GONE, 'rules'], [])
  hive.set(['auth', 'authgates', LAYER, 'users', GONE, 'rules'], [])
  hive.set(['auth', 'users', 'e'.repeat(32), 'admin'], true)
  const { warnings } = translateAuth(hive, { queues: [['q', GONE]], cellGuid: CELL })
  assert.deepEqual(warnings, [
    `Unable to match role iden to name: ${GONE} role of user ${FRED}`,
    `Unable to match user iden to name: ${'e'.repeat(32)}`,
    `Unable to match role iden to name: ${GONE} role for ${LAYER}`,
    `Unable to match user iden to name: ${GONE} user for ${LAYER}`,
    `Unable to match user iden to name: ${GONE} user for queue:q`,
  ])
  assert.equal((hive.get(['auth', 'users', FRED, 'roles']) as Value[]).length, 2)
  assert.equal(hive.get(['auth', 'authgates', 'queue:q', 'users', ROOT, 'admin']), true)
})

test('translateAuth() makes the gates that 0.2.x wants, with their owners and root as admins', () => {
  const hive = source()
  const trigger = 'a'.repeat(32)
  const cron = 'b'.repeat(32)
  hive.set(['cortex', 'views', VIEW, 'triggers', trigger], new PackMap([['user', FRED]]))
  hive.set(['agenda', 'appts', cron], new PackMap([['creator', FRED]]))
  translateAuth(hive, { queues: [['q', FRED]], cellGuid: CELL })
  const gates = hive.children(['auth', 'authgates']).map((iden) => [iden, hive.get(['auth', 'authgates', iden])])
  assert.deepEqual(gates.sort(), [[LAYER, 'layer'], [VIEW, 'view'], [trigger, 'trigger'], [cron, 'cronjob'], ['cortex', 'cortex'], ['queue:q', 'queue']])
  for (const gate of [trigger, cron, 'queue:q']) {
    assert.deepEqual(hive.children(['auth', 'authgates', gate, 'users']).sort(), [ROOT, FRED])
    assert.equal(hive.get(['auth', 'authgates', gate, 'users', FRED, 'admin']), true)
  }
  assert.deepEqual(hive.children(['auth', 'authgates', 'cortex', 'users']), [])
}) // biome-ignore format: a list

test('translateAuth() works on users without any value and on a hive without gates', () => {
  const hive = Hive.from([
    { key: utf8(`auth\0users\0${ROOT}`), value: encode('root') },
    { key: utf8('cellinfo\0defaultview'), value: encode(VIEW) },
  ])
  const { warnings, hierarchy } = translateAuth(hive, { queues: [], cellGuid: CELL })
  assert.deepEqual(warnings, [])
  assert.equal(hive.get(['auth', 'authgates', VIEW]), 'view')
  assert.equal((hive.get(['auth', 'users', ROOT, 'roles']) as Value[]).length, 1)
  assert.deepEqual((hierarchy as PackMap).entries[0][0], [ROOT, 'root'])
})

test('translateAuth() lists who is allowed what on which gate', () => {
  const hive = source()
  const { hierarchy } = translateAuth(hive, { queues: [], cellGuid: CELL })
  const [root, fred] = (hierarchy as PackMap).entries
  assert.deepEqual(root[0], [ROOT, 'root'])
  assert.deepEqual((root[1] as PackMap).entries.map(([gate, perms]) => [gate, perms]), [
    [[LAYER, 'layer'], [['admin']]],
    [['cortex', 'cortex'], [['admin']]],
    [[VIEW, 'view'], [['admin']]],
  ])
  assert.deepEqual(fred[0], [FRED, 'fred'])
  assert.deepEqual((fred[1] as PackMap).entries.map(([gate, perms]) => [gate, perms]), [
    [[LAYER, 'layer'], [['tag:add'], ['node', 'add']]],
    [['cortex', 'cortex'], [['tag:add'], ['node', 'add']]],
    [[VIEW, 'view'], [['tag:add'], ['node', 'add'], ['view', 'read']]],
  ])
}) // biome-ignore format: a table

function source(): Hive {
  const hive = Hive.from([])
  hive.set(['auth', 'authgates', LAYER], 'layr')
  hive.set(['auth', 'roles', NINJAS], 'ninjas')
  hive.set(['auth', 'roles', NINJAS, 'rules'], [[true, ['node:add']], [false, ['node:del']]])
  hive.set(['auth', 'users', ROOT], 'root')
  hive.set(['auth', 'users', ROOT, 'admin'], true)
  hive.set(['auth', 'users', FRED], 'fred')
  hive.set(['auth', 'users', FRED, 'rules'], [[true, ['storm', 'tag:add']]])
  hive.set(['auth', 'users', FRED, 'roles'], [NINJAS])
  hive.set(['cellinfo', 'defaultview'], VIEW)
  hive.set(['cortex', 'views', VIEW, 'layers'], [LAYER])
  return hive
} // biome-ignore format: a tree

function rowsOf(hive: Hive): Map<string, string> {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  return new Map(
    hive
      .changes()
      .puts.map(({ key, value }) => [hex(key), hex(value)])
      .sort() as [string, string][],
  )
}
