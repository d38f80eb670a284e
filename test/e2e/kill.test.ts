import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { compareDumps, report } from '../support/compare.js'
import { migrate, migrateKilled, tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 6)
/** A round is killed so often at most, then it may end. */
const KILLS = 4

test(`migrate_020 --from-last after SIGKILL at ${ROUNDS} random instants gives the undisturbed result`, async (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const before = dumpCortex(src)
  const startMs = Date.now()
  const calm = join(dir, 'calm')
  assert.equal(migrate('--src', src, '--dest', calm, '--workers', '2').status, 8)
  const wholeMs = Date.now() - startMs
  const expected = dumpCortex(calm)
  let kills = 0
  for (let round = 0; round < ROUNDS; round++) {
    const dest = join(dir, `round-${round}`)
    const args = ['--src', src, '--dest', dest, '--workers', '2']
    const instants: number[] = []
    for (let left = KILLS; left > 0; left--) {
      const delayMs = Math.floor(Math.random() * wholeMs)
      const { ended } = await migrateKilled(delayMs, ...args, ...(instants.length > 0 ? ['--from-last'] : []))
      instants.push(delayMs)
      if (ended) break
      kills++
    }
    const { status, stderr } = migrate(...args, '--from-last')
    assert.equal(status, 8, `after kills at ${instants} ms: ${stderr}`)
    const { unexplained } = compareDumps(dumpCortex(dest), expected)
    assert.equal(unexplained.length, 0, `after kills at ${instants} ms: ${report(unexplained)}`)
  }
  assert.ok(kills >= ROUNDS, `only ${kills} runs were killed before they ended`)
  assert.deepEqual(dumpCortex(src), before)
})
