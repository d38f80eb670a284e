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
/** A resume is recorded for so many images. */
const IMAGES_OF_A_RESUME = 8

type RecordedCalls = ReturnType<typeof readRecord>

test('a power loss that takes any part of what was not synced: --from-last comes to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('power loss', 6, 60)
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
    await resumeImage(calm, campaign, calls, at)
  }
  campaign.end()
})

test('a power loss during a resume, behind a kill: another --from-last comes to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('power loss of resumed runs', 3, 40)
  const calm = await Undisturbed.of('demo-cortex', dir)
  for (let done = 0; done < campaign.cases; ) {
    const recorded = calm.newDest()
    const scratch = join(recorded, '..')
    const record = join(scratch, 'record')
    const killAt = Math.floor(calm.trace.length * (0.2 + campaign.random(700) / 1000))
    const killed = await calm.run(
      { destDir: recorded },
      { fault: { does: 'kill', at: killAt }, env: { FAULT_RECORD: record } },
    )
    const before = readRecord(record).length
    const resumed = await calm.run(
      { destDir: recorded, fromLast: true },
      { env: shimmed(recorded, scratch, { record }) },
    )
    assert.ok(resumed.summary !== undefined, resumed.stderr)
    campaign.count(killed.signal === 'SIGKILL' ? 'resumed runs recorded' : 'ended before their kill')
    const calls = readRecord(record)
    calm.same(recorded, `resumed behind a kill at call ${killAt}`)
    for (let image = 0; image < IMAGES_OF_A_RESUME && done < campaign.cases; image++, done++) {
      const at = image === 0 ? calls.length : before + campaign.random(calls.length - before)
      await resumeImage(calm, campaign, calls, at, `killed at call ${killAt}, the resume's first is ${before}, `)
    }
  }
  campaign.end()
})

/** Loses power before a call of a recorded run, and resumes what the disk has. */
async function resumeImage(calm: Undisturbed, campaign: Campaign, calls: RecordedCalls, at: number, behind = '') {
  const kept = campaign.pick(KEPT)
  const what = `${behind}power lost before call ${at} of ${calls.length}, ${kept} % of the unsynced sectors kept`
  await campaign.try(what, async () => {
    const destDir = calm.newDest()
    imageAfter(calls, at, kept, campaign.random, destDir)
    await calm.finish(destDir, what)
    campaign.count('images resumed')
  })
}
