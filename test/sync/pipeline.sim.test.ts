import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../support/sync-sim.js'

const FIRST = Number(process.env.SYNC_SEED ?? 1)
const SEEDS = Number(process.env.SYNC_SEEDS ?? 500)

test(`LayerSyncs loses, repeats out of order and skips nothing, whatever fails (${SEEDS} seeds)`, async () => {
  const totals = { splices: 0, crashes: 0, pushes: 0, simulatedMs: 0 }
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    try {
      const { splices, crashes, pushes, simulatedMs } = await simulate(seed)
      totals.splices += splices
      totals.crashes += crashes
      totals.pushes += pushes
      totals.simulatedMs += simulatedMs
    } catch (cause) {
      throw new Error(`seed ${seed}: ${(cause as Error).message} (SYNC_SEED=${seed} SYNC_SEEDS=1)`, { cause })
    }
  }
  assert.ok(totals.splices > 0 && totals.crashes > 0 && totals.pushes > 0)
})
