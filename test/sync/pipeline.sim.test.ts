import { test } from 'node:test'
import { simulateSeeds } from '../support/sync-seeds.js'

const FIRST = Number(process.env.SYNC_SEED ?? 1)
const SEEDS = Number(process.env.SYNC_SEEDS ?? 100)

test(`LayerSyncs loses, repeats out of order and skips nothing, whatever fails (${SEEDS} seeds)`, async () => {
  await simulateSeeds(FIRST, SEEDS)
})
