import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FaultRun } from '../support/fault-schedule.js'

const SCHEDULES = 10
/** A few each, as all run between the same two Cortexes; `npm run test:faults:sync` plays more. */
const FAULTS = 2

test('sync_020 leaves two Cortexes equal after schedules of kills, cuts, slow peers and wrong passwords', async (t) => {
  const run = await FaultRun.start(t, 1)
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    await t.test(`schedule ${seed}`, async () => {
      const { faults, splices } = await run.play(seed, FAULTS)
      assert.equal(faults.length, FAULTS)
      assert.ok(splices > 0)
    })
  }
})
