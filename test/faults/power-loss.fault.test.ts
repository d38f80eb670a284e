import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Campaign } from '../support/campaign.js'
import { tempDir } from '../support/cortex.js'
import { imageAfter, readRecord } from '../support/power-loss.js'
import { shimmed } from '../support/shim.js'
import { Undisturbed } from '../support/undisturbed.js'

/** How much of what was not synced is there all the same, in percent. */
const KEPT = [0, 10, 50, 90, 100]

test('a power loss that takes any part of what was not synced: --from-last comes to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('power loss', 8, 60)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const recorded = calm.newDest()
  const record = join(recorded, '..', 'record')
  const { summary, stderr } = await calm.run(
    { destDir: recorded },
    { env: shimmed(recorded, join(recorded, '..'), { record }) },
  )
  assert.ok(summary !== undefined, stderr)
  const calls = readRecord(record)
  calm.same(recorded, 'while recorded')
  for (let i = 0; i < campaign.cases; i++) {
    // The last instant is the end: what was reported as done must be there.
    const at = i === 0 ? calls.length : 1 + campaign.random(calls.length)
    const kept = campaign.pick(KEPT)
    const what = `power lost before call ${at} of ${calls.length}, ${kept} % of the unsynced sectors kept`
    await campaign.try(what, async () => {
      const destDir = calm.newDest()
      imageAfter(calls, at, kept, campaign.random, destDir)
      await calm.finish(destDir, what)
      campaign.count('images resumed')
    })
  }
  campaign.end()
})
