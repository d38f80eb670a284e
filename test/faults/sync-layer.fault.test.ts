import { test } from 'node:test'
import { Campaign } from '../support/campaign.js'
import { simulateSeeds } from '../support/sync-seeds.js'

test('LayerSyncs loses, repeats out of order and skips nothing, whatever fails, by seeds', async () => {
  const campaign = new Campaign('simulated syncs', 500, 20_000)
  const first = 1 + campaign.seed
  await campaign.try(`seeds from ${first}`, () => simulateSeeds(first, campaign.cases))
  campaign.count('seeds', campaign.cases)
  campaign.end()
})
