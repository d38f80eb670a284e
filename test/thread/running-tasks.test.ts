import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RunningTasks } from '../../src/thread/running-tasks.js'

const MINUTE_MS = 60_000

function watched(quietMs: number) {
  const said: string[] = []
  const clock = { ms: 0 }
  const running = new RunningTasks(
    (text) => said.push(text),
    quietMs,
    () => clock.ms,
  )
  return {
    said,
    running,
    at(minutes: number) {
      clock.ms = minutes * MINUTE_MS
      running.look()
    },
  }
}

test('RunningTasks names what has not ended when nothing has for long, again and again', (t) => {
  const { said, running, at } = watched(10 * MINUTE_MS)
  t.after(() => running.close())
  running.begin('extractNodes', { layer: 'abcd', partition: 3, start: new Uint8Array(4), port: {} })
  at(4)
  const end = running.begin('commit', { slab: 'abcd/layer_v2', streams: [] })
  at(13)
  assert.deepEqual(said, [])
  end()
  at(22)
  assert.deepEqual(said, [])
  at(23)
  assert.equal(said.length, 1)
  assert.match(said[0], /for 10 min\. Still running: extractNodes layer abcd partition 3 \(23 min\)\. If it is no slow/)
  at(32)
  assert.equal(said.length, 1)
  at(33)
  assert.equal(said.length, 2)
  assert.match(said[1], /for 20 min\. Still running: extractNodes layer abcd partition 3 \(33 min\)/)
})

test('RunningTasks says nothing where nothing is running, and lists no more than a few', (t) => {
  const { said, running, at } = watched(MINUTE_MS)
  t.after(() => running.close())
  at(100)
  assert.deepEqual(said, [])
  for (let stream = 0; stream < 20; stream++) running.begin('receive', { slab: 's', stream })
  at(102)
  assert.match(said[0], /Still running: receive slab s stream 0 \(2 min\), /)
  assert.match(said[0], /stream 7 \(2 min\), 12 more\. /)
})
