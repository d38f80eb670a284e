import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { closeGate, newGate, passGate, uncut } from '../../src/slab/write-gate.js'
import { tempDir } from '../support/fixture.js'

const writer = join(import.meta.dirname, '..', 'support', 'gated-writer.js')

for (const how of ['terminate', 'exit']) {
  test(`closeGate() lets a thread that writes through LMDB be ended, by ${how}`, async () => {
    const child = spawn(process.execPath, [writer, join(tempDir(), 'rows.lmdb'), how], { stdio: 'inherit' })
    // Without the gate it never ends.
    const limit = setTimeout(() => child.kill('SIGKILL'), 60_000)
    const ended = await new Promise((resolve) => child.on('exit', (...how) => resolve(how)))
    clearTimeout(limit)
    assert.deepEqual(ended, [7, null])
  })
}

test('closeGate() gives up a transaction that does not end, and none begins behind a closed gate', () => {
  const gate = newGate()
  passGate(gate)
  assert.equal(
    uncut(() => uncut(() => closeGate(gate, 10))),
    false,
  )
  assert.equal(
    uncut(() => 'again'),
    'again',
  )
  assert.throws(() =>
    uncut(() => {
      throw new TypeError('boom')
    }),
  )
  assert.ok(closeGate(gate, 10))
  assert.ok(closeGate(gate, 10), 'it stays closed')
})
