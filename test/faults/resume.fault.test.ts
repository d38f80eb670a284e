import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { calm, finish } from '../support/calm-run.js'
import { isFull } from '../support/campaign.js'
import { tempDir } from '../support/cortex.js'
import { PIECES, runMigrator } from '../support/migrator.js'
import { randomOf } from '../support/random.js'

/** So many rounds at most: then none of their kills falls where it should. */
const MOST_ROUNDS = 24
for (const [how, pieces, usual] of [
  ['many pieces', PIECES, 6],
  ['many pieces whose runs are merged in levels', { ...PIECES, taskBytes: 25_000, fanIn: { atOnce: 4, most: 3 } }, 3],
] as const) {
  const kills = isFull ? 100 : usual
  test(`a run of ${how} that is killed at ${kills} random instants resumes to the undisturbed result`, async (t) => {
    const dir = tempDir(t)
    const { srcDir, expected, wholeMs } = await calm
    const seed = Number(process.env.FAULTS_SEED ?? Date.now() % 1e6)
    const random = randomOf(seed)
    let resumed = 0
    // A machine is busier or quieter than when the undisturbed run was measured.
    let spanMs = wholeMs
    // Kills before the first checkpoint or behind the last one try nothing of a resume: more follow until one has hit.
    for (let left = kills, round = 0; left > 0 || resumed === 0; round++) {
      assert.ok(
        round < Math.max(MOST_ROUNDS, 4 * kills),
        `seed ${seed}: no kill of ${round} rounds fell into the middle of a layer`,
      )
      left = Math.max(left, 1)
      const options = { srcDir, destDir: join(dir, `killed-${round}`), pieces }
      const instants: number[] = []
      let isTooLate = false
      for (let i = 0; i < 3 && left > 0; i++, left--) {
        // The time before the first partition is that of starting Node, half of a small run.
        instants.push(Math.floor(spanMs * (0.3 + random(700) / 1000)))
        const startMs = Date.now()
        const { summary } = await runMigrator({ ...options, fromLast: i > 0 }, { killAfterMs: instants[i] })
        if (summary === undefined) continue
        isTooLate = true
        if (i === 0) spanMs = Math.min(spanMs, Date.now() - startMs)
      }
      const log = await finish(options, expected, `seed ${seed}, kills at ${instants} ms`)
      if (/Resuming nodes migration from partition [1-9]/.test(log)) resumed++
      else spanMs *= isTooLate ? 0.8 : 1.25
    }
    t.diagnostic(`seed ${seed}: ${resumed} runs resumed a layer in the middle`)
  })
}

test('a run that is killed at any of its log lines resumes to the undisturbed result', async (t) => {
  const dir = tempDir(t)
  const { srcDir, expected } = await calm
  for (const [i, point] of [
    'Starting node migration',
    'Completed splice migration',
    'Migrated .* nodes',
    'Saved layer offsets',
  ].entries()) {
    const options = { srcDir, destDir: join(dir, `point-${i}`), pieces: PIECES }
    const killed = await runMigrator(options, {
      onLog: (text, kill) => {
        if (new RegExp(point).test(text)) kill('SIGKILL')
      },
    })
    assert.equal(killed.signal, 'SIGKILL', `${point} is never logged: ${killed.stderr}`)
    await finish(options, expected, `killed at "${point}"`)
  }
})
