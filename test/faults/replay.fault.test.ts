import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { isFull } from '../support/campaign.js'
import { withoutCheckpoints } from '../support/compare.js'
import { copyCortex, migrate, tempDir } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { randomOf } from '../support/random.js'
import { made, replay, same } from '../support/replayed.js'

/** Replays that are killed. */
const ROUNDS = isFull ? 60 : 2

test('errors --replay that is killed at any instant and run again makes the same, in the nexus log too', (t) => {
  const dir = tempDir(t)
  const logged = join(dir, 'logged')
  const nexus = ['--src', made.src, '--add-mode', 'nexus']
  assert.equal(migrate(...nexus, '--dest', logged).status, 8)
  const expected = { plain: made.expected, logged: dumpOf(join(dir, 'with'), nexus) }
  const seed = Number(process.env.FAULTS_SEED ?? Date.now() % 1e6)
  const random = randomOf(seed)
  let kills = 0
  for (let round = 0; round < ROUNDS; round++) {
    const kind = round % 2 === 0 ? 'plain' : 'logged'
    const dest = copyCortex(kind === 'plain' ? made.without : logged, join(dir, `dest-${round}`))
    // What it says tells where it is: twice it is killed somewhat after one of its lines.
    const points = [25, 12].map((most) => ({ lines: 1 + random(most), delayMs: random(8) }))
    for (const point of points) if (replayKilled(dest, point)) kills++
    const { status, stderr } = replay(dest)
    assert.equal(status, 0, stderr)
    same(dest, `seed ${seed}, killed at ${JSON.stringify(points)}`, expected[kind])
  }
  assert.ok(kills >= ROUNDS, `only ${kills} replays were killed before they ended`)
})

function dumpOf(dest: string, args: string[]): string[] {
  assert.equal(migrate(...args, '--dest', dest, '--model', made.model).status, 8)
  return withoutCheckpoints(dumpCortex(dest))
}

/** Starts a replay that kills itself; says whether it came to that. */
function replayKilled(dest: string, kill: { lines: number; delayMs: number }): boolean {
  const options = {
    srcDir: made.src,
    destDir: dest,
    workers: 1,
    memoryBytes: 1 << 27,
    editBatchSize: 100,
    batchNodes: 3,
  }
  const script = join(import.meta.dirname, '..', 'support', 'run-replay.js')
  const { signal } = spawnSync(process.execPath, [script, JSON.stringify({ ...options, model: made.model, kill })])
  return signal === 'SIGKILL'
}
