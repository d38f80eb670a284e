import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WaitLimit } from '../../src/cli/wait-limit.js'

test('WaitLimit names what the threads waited for in the last five seconds, and nothing while they have no work', () => {
  const limit = new WaitLimit()
  const sums = { workMs: 0, writerMs: 0, diskMs: 0, idleMs: 0 }
  let nowMs = 0
  const spend = (seconds: number, shares: Partial<typeof sums>) => {
    for (let s = 0; s < seconds; s++) {
      nowMs += 1000
      for (const [kind, part] of Object.entries(shares)) sums[kind as keyof typeof sums] += 2000 * part
      limit.add({ ...sums }, nowMs)
    }
    return limit.now
  }
  limit.add({ ...sums }, nowMs)
  assert.equal(limit.now, null)
  assert.deepEqual(spend(5, { workMs: 0.9, writerMs: 0.1 }), { by: 'workers', part: 0.9 })
  assert.deepEqual(spend(5, { workMs: 0.5, writerMs: 0.25, diskMs: 0.125, idleMs: 0.125 }), {
    by: 'writer',
    part: 0.25,
  })
  assert.deepEqual(spend(5, { workMs: 0.25, diskMs: 0.75 }), { by: 'disk', part: 0.75 })
  assert.equal(spend(5, { workMs: 0.25, idleMs: 0.75 }), null)
})
