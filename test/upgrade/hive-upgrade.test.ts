import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { Hive } from '../../src/slab/hive.js'
import { MemorySlab } from '../../src/slab/memory-slab.js'
import { type OldAuth, upgradeHive } from '../../src/upgrade/hive-upgrade.js'

const CELL = 'c'.repeat(32)
const USER = 'b'.repeat(32)

test('the layer and the view that have the iden of the Cortex get idens of their own, the same each time', () => {
  const run = () => upgraded(oldHive())
  const { hive, renamedLayer } = run()
  assert.equal(renamedLayer?.from, CELL)
  const view = hive.getText(['cellinfo', 'defaultview']) as string
  assert.deepEqual(hive.get(['cortex', 'views', view, 'layers']), [renamedLayer?.to])
  assert.deepEqual(hive.children(['cortex', 'layers']), [renamedLayer?.to])
  assert.equal(hive.get(['cortex', 'layers', renamedLayer?.to ?? '', 'type']), 'lmdb')
  assert.equal(hive.get(['auth', 'authgates', view]), 'view')
  assert.equal(hive.get(['auth', 'authgates', renamedLayer?.to ?? '']), 'layr')
  assert.deepEqual(run().renamedLayer, renamedLayer)
  assert.ok(![CELL, view].includes(renamedLayer?.to ?? CELL))
})

test('other views of an old Cortex name the renamed layer too', () => {
  const hive = oldHive()
  hive.set(['cortex', 'views', 'f'.repeat(32), 'layers'], ['e'.repeat(32), CELL])
  const { renamedLayer } = upgraded(hive)
  assert.deepEqual(hive.get(['cortex', 'views', 'f'.repeat(32), 'layers']), ['e'.repeat(32), renamedLayer?.to ?? ''])
})

test('a Cortex without views gets one for its layer, as from 0.1.0', () => {
  const hive = Hive.from([])
  const { renamedLayer } = upgraded(hive)
  const view = hive.getText(['cellinfo', 'defaultview']) as string
  assert.deepEqual(hive.get(['cortex', 'views', view, 'layers']), [renamedLayer?.to ?? ''])
  assert.equal(hive.get(['cortex', 'layers', renamedLayer?.to ?? '', 'type']), 'lmdb')
})

test('a hive of today is left alone but for its version', () => {
  const hive = oldHive()
  upgraded(hive)
  const before = rowsOf(hive)
  upgraded(hive)
  assert.deepEqual(rowsOf(hive), before)
})

test('users and roles of the "auth" directory move to the hive with their password, rules and grants', () => {
  const auth: OldAuth = {
    roles: [{ name: 'analysts', info: map({ rules: [[true, ['node:add']]] }) }],
    users: [
      { name: 'root', info: map({ admin: true, shadow: ['salt', 'hash'], rules: [], roles: [] }) },
      { name: 'visi', info: map({ admin: false, locked: true, rules: [[false, ['tag:add']]], roles: ['analysts'] }) },
    ],
  }
  const hive = Hive.from([])
  upgraded(hive, auth)
  const iden = (kind: string, name: string) =>
    hive.children(['auth', kind]).find((found) => hive.get(['auth', kind, found]) === name) ?? ''
  assert.deepEqual(hive.get(['auth', 'roles', iden('roles', 'analysts'), 'rules']), [[true, ['node:add']]])
  const [root, visi] = ['root', 'visi'].map((name) => ['auth', 'users', iden('users', name)])
  assert.deepEqual(hive.get([...root, 'passwd']), ['salt', 'hash'])
  assert.equal(hive.get([...root, 'admin']), true)
  assert.equal(hive.get([...visi, 'locked']), true)
  assert.equal(hive.get([...visi, 'admin']), undefined)
  assert.deepEqual(hive.get([...visi, 'rules']), [[false, ['tag:add']]])
  assert.deepEqual(hive.get([...visi, 'roles']), [iden('roles', 'analysts')])
})

test('triggers of the first version name their user by iden, and all name the view of today', () => {
  const hive = oldHive()
  const triggers = new MemorySlab(null).db('triggers')
  triggers.put(
    Buffer.from('ab'.repeat(16), 'hex'),
    encode(map({ ver: 0, cond: 'node:add', user: 'fred', storm: '[+#x]' })),
  )
  triggers.put(Buffer.from('cd'.repeat(16)), encode(map({ ver: 1, useriden: USER, viewiden: CELL, storm: '[+#y]' })))
  triggers.put(Buffer.from('ef'.repeat(16)), encode(map({ ver: 1, useriden: USER, storm: '[+#z]' })))
  upgradeHive({ cellIden: CELL, hive, triggers, oldAuth: null, hasFirstLayer: true })
  const view = hive.getText(['cellinfo', 'defaultview'])
  const rules = [...triggers.rows()].map(({ key, value }) => [Buffer.from(key).toString(), fields(decode(value))])
  assert.deepEqual(rules, [
    ['ab'.repeat(16), { ver: 1, cond: 'node:add', storm: '[+#x]', useriden: USER }],
    ['cd'.repeat(16), { ver: 1, useriden: USER, storm: '[+#y]', viewiden: view }],
    ['ef'.repeat(16), { ver: 1, useriden: USER, storm: '[+#z]' }],
  ])
})

function upgraded(hive: Hive, oldAuth: OldAuth | null = null) {
  const triggers = new MemorySlab(null).db('triggers')
  return { hive, ...upgradeHive({ cellIden: CELL, hive, triggers, oldAuth, hasFirstLayer: true }) }
}

function oldHive(): Hive {
  const hive = Hive.from([])
  hive.set(['auth', 'users', USER], 'fred')
  hive.set(['cortex', 'layers', CELL, 'type'], 'lmdb')
  hive.set(['cortex', 'views', CELL, 'layers'], [CELL])
  hive.set(['cortex', 'views', CELL, 'owner'], 'root')
  return hive
}

function rowsOf(hive: Hive): string[] {
  return hive
    .changes()
    .puts.map(({ key, value }) => `${Buffer.from(key).toString('latin1')} ${Buffer.from(value).toString('hex')}`)
}

function map(entries: Record<string, Value>): PackMap {
  return new PackMap(Object.entries(entries))
}

function fields(value: Value): Record<string, Value> {
  assert.ok(value instanceof PackMap)
  return Object.fromEntries(value.entries) as Record<string, Value>
}
