import { join } from 'node:path'
import { test } from 'node:test'
import { Campaign } from '../support/campaign.js'
import { tempDir } from '../support/cortex.js'
import { type Fault, hits } from '../support/shim.js'
import { assertClear, Undisturbed } from '../support/undisturbed.js'

test('a call that fails, for once or from then on, or writes half: a clear end or the right result, and --from-last comes to it', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('I/O errors', 18, 160)
  const calm = await Undisturbed.of('demo-cortex', dir)
  for (let i = 0; i < campaign.cases; i++) {
    const does = campaign.pick(['eio', 'enospc', 'short'] as const)
    // Spread over the whole run, from its first call to its last.
    const at = 1 + Math.floor(((i + campaign.random(100) / 100) * calm.trace.length) / campaign.cases)
    const fault: Fault = { does, at, sticky: does !== 'short' && campaign.random(2) === 0 }
    const what = `${does} at call ${at} of about ${calm.trace.length}${fault.sticky ? ' and all later ones' : ''}`
    await campaign.try(what, async () => {
      const destDir = calm.newDest()
      const run = await calm.run({ destDir }, { fault })
      if (hits(join(destDir, '..')) < at) campaign.count('ended before the fault')
      else if (run.summary !== undefined) campaign.count(`${does} without harm`)
      else {
        assertClear(run, what)
        campaign.count(`${does} named, exit code ${run.status}`)
      }
      await calm.finish(destDir, what)
    })
  }
  campaign.end()
})
