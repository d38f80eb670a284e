import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TaskPace } from '../../src/cli/task-pace.js'

interface Simulated {
  /** Rows that an earlier run did. */
  readonly resumedAt: number
  readonly total: number
  /** How long each of the workers takes for a piece, of which it gets about a hundred; rows of a piece count at its end. */
  readonly pieceMs: number
  readonly workers: number
}

/** Runs a task on a clock of its own; returns the farthest the time left was off, as a part of the truth. */
function worstError({ resumedAt, total, pieceMs, workers }: Simulated, random: () => number): number {
  const pace = new TaskPace(resumedAt, 0)
  const pieces = 100 * workers
  // Each worker takes the next piece when it has done its last one; pieces differ by up to a tenth.
  const freeMs = Array.from({ length: workers }, (_, at) => (at * pieceMs) / workers)
  const ends = Array.from({ length: pieces }, () => {
    const worker = freeMs.indexOf(Math.min(...freeMs))
    freeMs[worker] += pieceMs * (0.9 + 0.2 * random())
    return freeMs[worker]
  }).sort((a, b) => a - b)
  const endMs = ends[ends.length - 1]
  let worst = 0
  ends.forEach((atMs, at) => {
    const part = (at + 1) / pieces
    const done = resumedAt + part * (total - resumedAt)
    pace.add(done, atMs)
    // Of the last tenth little is left to be off from: it depends on which worker ends last.
    if (part < 0.2 || part > 0.9) return
    const { leftS } = pace.measure(total)
    assert.ok(leftS !== null)
    worst = Math.max(worst, Math.abs(leftS * 1000 - (endMs - atMs)) / (endMs - atMs))
  })
  return worst
}

/** Numbers from 0 to 1, the same in each run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state / 2147483648
  }
}

test('TaskPace tells the time left within a fifth, from a fifth of the work on, after a resume as well', () => {
  for (const resumedAt of [0, 4_000_000, 9_000_000]) {
    for (const workers of [1, 2, 16]) {
      for (const pieceMs of [300, 12_000, 50_000]) {
        const task = { resumedAt, total: 10_000_000, pieceMs, workers }
        const worst = worstError(task, seeded(workers))
        assert.ok(worst <= 0.2, `${worst} off: ${JSON.stringify(task)}`)
      }
    }
  }
})

test('TaskPace counts nothing that was done before it was there', () => {
  const pace = new TaskPace(4_170_832, 0)
  pace.add(4_170_832, 5)
  assert.deepEqual(pace.measure(5_000_000), { rate: 0, leftS: null })
  pace.add(4_180_832, 10_000)
  assert.deepEqual(pace.measure(5_000_000), { rate: 1000, leftS: 819.168 })
})

test('TaskPace follows a task that becomes slower, and forgets what was before its window', () => {
  const pace = new TaskPace(0, 0)
  let done = 0
  for (let second = 1; second <= 120; second++) {
    done += second <= 60 ? 10_000 : 1000
    pace.add(done, second * 1000)
  }
  assert.deepEqual(pace.measure(done + 60_000), { rate: 1000, leftS: 60 })
})
