// Plays seeded schedules of kills, cuts, slow peers and wrong passwords against real Cortexes, and writes a line for each:
// npm run test:faults:sync [-- FIRST_SEED COUNT]; needs real Synapse, as test/oracle/setup.sh installs it.
import { FaultRun } from '../support/fault-schedule.js'
import type { Owner } from '../support/sync-pair.js'

/** Schedules between the same two Cortexes; then two new ones are made. */
const PER_PAIR = 10
const FAULTS = 4

const [first, count] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? 100)]
let failures = 0
for (let seed = first; seed < first + count; ) seed = await playSome(seed, Math.min(first + count, seed + PER_PAIR))
console.log(`${count} schedules, ${failures} failed`)
process.exitCode = failures === 0 ? 0 : 1

/** Plays until a schedule fails, as the next would begin with its differences; returns the next seed. */
async function playSome(from: number, to: number): Promise<number> {
  const undo: (() => unknown)[] = []
  const owner: Owner = { after: (fn) => undo.unshift(fn) }
  let seed = from
  try {
    const run = await FaultRun.start(owner, from)
    for (; seed < to; seed++) {
      const { faults, splices, settleMs } = await run.play(seed, FAULTS)
      console.log(`${seed}: equal after ${splices} splices, ${settleMs} ms after the last fault: ${faults.join(', ')}`)
    }
    return seed
  } catch (error) {
    failures++
    console.log(`${seed}: FAILED: ${error instanceof Error ? error.stack : error}`)
    return seed + 1
  } finally {
    for (const fn of undo) await fn()
  }
}
