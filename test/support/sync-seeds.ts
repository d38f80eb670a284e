import assert from 'node:assert/strict'
import { simulate } from './sync-sim.js'

/** Simulates syncs of so many seeds, and names the first one that lost, repeated or skipped something. */
export async function simulateSeeds(first: number, seeds: number): Promise<void> {
  const totals = { splices: 0, crashes: 0, pushes: 0, simulatedMs: 0 }
  for (let seed = first; seed < first + seeds; seed++) {
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
}
