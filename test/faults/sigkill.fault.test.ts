import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Campaign } from '../support/campaign.js'
import { tempDir } from '../support/cortex.js'
import { CORTEXES, Undisturbed } from '../support/undisturbed.js'

/** Every other kill hits a run that goes on after a kill. */
const KILLS_IN_A_ROW = 4

test('SIGKILL at random instants, of the run and of its resumes: --from-last comes to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('SIGKILL at random instants', 12, 150)
  const cortexes: Undisturbed[] = []
  for (const name of CORTEXES) cortexes.push(await Undisturbed.of(name, dir))
  let killed = 0
  for (let round = 0; killed < campaign.cases; round++) {
    const calm = cortexes[round % cortexes.length]
    const workers = 1 + campaign.random(4)
    const destDir = calm.newDest()
    const instants: number[] = []
    for (let left = 1 + campaign.random(KILLS_IN_A_ROW); left > 0 && killed < campaign.cases; left--) {
      const killAfterMs = Math.floor(calm.wholeMs * (0.3 + campaign.random(700) / 1000))
      instants.push(killAfterMs)
      const { signal } = await calm.run({ destDir, workers, fromLast: instants.length > 1 }, { killAfterMs })
      if (signal !== 'SIGKILL') {
        campaign.count('runs ended before their kill')
        break
      }
      killed++
      campaign.count(instants.length > 1 ? 'kills of a resume' : 'kills of a first run')
    }
    const what = `round ${round}, ${workers} workers, kills at ${instants} ms`
    await campaign.try(what, async () => {
      const { stderr } = await calm.finish(destDir, what, { workers })
      const isInTheMiddle = /Resuming nodes migration from partition [1-9]/.test(stderr)
      campaign.count(isInTheMiddle ? 'resumes in the middle of a layer' : 'resumes between layers')
    })
  }
  campaign.end()
  assert.ok(killed >= campaign.cases)
})
