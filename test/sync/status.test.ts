import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { jsonValue, stateJson, statusDetails, statusTable, statusValue } from '../../src/sync/status.js'
import { FakeSync, LAYER, layerState } from '../support/fake-sync.js'
import { exchangesOf, loadRecording, partsOf } from '../support/recorded.js'

/** What the reference service answered to a Cortex that asked for its status while it was in sync. */
function recordedStatus(): PackMap {
  const exchanges = [...exchangesOf(loadRecording('e2e-03-cortex-2.0.0-adds-service.json')).values()].flat()
  const replies = exchanges.flatMap(({ replies }) => replies.map((reply) => partsOf(reply).info.get('retn') as Value[]))
  const status = replies.map((retn) => retn[1]).find((value) => value instanceof PackMap && value.get(LAYER))
  assert.ok(status instanceof PackMap)
  return status.get(LAYER) as PackMap
}

test('statusTable() is the table of the reference, byte for byte', () => {
  assert.equal(statusTable(layerState()), recordedStatus().get('pprint'))
})

test('statusValue() begins with the keys and values of the reference', () => {
  const fake = new FakeSync()
  fake.layers = [layerState()]
  const layer = (statusValue(fake.state(), true) as PackMap).get(LAYER) as PackMap
  const recorded = recordedStatus()
  for (const [key, value] of recorded.entries) assert.deepEqual(layer.get(key as string), value, String(key))
  const keys = recorded.entries.map(([key]) => key).filter((key) => key !== 'pprint')
  assert.deepEqual(
    layer.entries.slice(0, keys.length).map(([key]) => key),
    keys,
  )
  const plain = (statusValue(fake.state(), false) as PackMap).get(LAYER) as PackMap
  assert.equal(plain.get('pprint'), undefined)
})

test('statusValue() shows tasks as the reference does', () => {
  const fake = new FakeSync()
  fake.layers = [
    layerState({ pullTask: { status: 'none' }, pushTask: { status: 'exception', message: 'Error limit reached' } }),
    layerState({
      iden: 'f'.repeat(32),
      pullTask: { status: 'cancelled' },
      pushTask: { status: 'finished' },
      queue: null,
    }),
  ]
  const status = statusValue(fake.state(), true) as PackMap
  const [one, two] = status.entries.map(([, value]) => value as PackMap)
  const plain = (value: Value | undefined) => Object.fromEntries((value as PackMap).entries)
  assert.deepEqual(plain(one.get('src:task')), {})
  const failed = { isdone: true, cancelled: false, exc: 'Error limit reached', status: 'exception' }
  assert.deepEqual(plain(one.get('dest:task')), failed)
  assert.deepEqual(plain(two.get('src:task')), { isdone: true, cancelled: true, status: 'cancelled' })
  assert.deepEqual(plain(two.get('dest:task')), { isdone: true, cancelled: false, result: null, status: 'finished' })
  assert.deepEqual(plain(two.get('queue')), {})
  assert.match(String(two.get('pprint')), /^ src {2}\| .*\| cancelled +\|/m)
  assert.match(String(two.get('pprint')), /^ dest \| .*\| finished +\|.*\| False +\| - +\| 0 {13,}$/m)
})

test('a layer that never ran shows dashes', () => {
  const layer = layerState({
    pullStatus: null,
    pullStartedAt: null,
    pushConnectedAt: null,
    pullTask: { status: 'none' },
  })
  const [, , , src] = statusTable({ ...layer, pullOffset: 0 }).split('\n')
  assert.equal(src.length, ' src  | '.length + 24 + 14 + 14 + 21 + 14 + 14 + 14 + 6 * 2)
  assert.match(src, /^ src {2}\| - +\| - +\| 0 +\| - +\| n\/a +\| n\/a +\| n\/a +$/)
})

test('stateJson() is JSON, and a telepath value of the same content', () => {
  const fake = new FakeSync()
  fake.layers = [layerState({ lagSeconds: 1.5 })]
  const json = stateJson(fake.state())
  assert.deepEqual(JSON.parse(JSON.stringify(json)).layers[0].lag, { splices: 0, seconds: 1.5 })
  assert.equal(json.can_cutover, false)
  const value = jsonValue(json) as PackMap
  assert.deepEqual(value.get('cutover_blockers'), ['No sync runs'])
  assert.equal(decode(Uint8Array.of(0xc2)), value.get('can_cutover'))
})

test("statusDetails() tells the source's end, the lag, the rate and why a layer is cut off", () => {
  const notes = ['The source cannot be read now: connection refused']
  const pushTask = { status: 'exception', message: 'Error limit reached' } as const
  const text = statusDetails(layerState({ sourceTip: 32_060, lagSplices: 12, lagSeconds: 3.4, notes, pushTask }))
  assert.deepEqual(text.split('\n'), [
    " source's end 32,060, as of 2026/11/22 14:37:13.846",
    ' behind 12 splices (3 s), 12.3 splices/s',
    ' ! Error limit reached',
    ' ! The source cannot be read now: connection refused',
  ])
  const unknown = statusDetails(layerState({ sourceTip: null, lagSplices: null, lagSeconds: null, polledAt: null }))
  assert.deepEqual(unknown.split('\n').slice(0, 2), [
    " source's end unknown, as of -",
    ' behind unknown, 12.3 splices/s',
  ])
})
