import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RunPace } from '../../src/cli/run-pace.js'
import type { ProgressPhase } from '../../src/migrate/progress.js'

type LayerPhase = 'nodes' | 'splices' | 'indexes'

interface Simulated {
  readonly workers: number
  /** Rows, which are as many splices, of each layer. */
  readonly layers: readonly number[]
  /** Time of one thread for a row, a splice, a row of the indexes. */
  readonly costMs: Record<LayerPhase, number>
  /** What one piece has. */
  readonly pieceUnits: number
  /** What the first piece of a phase takes longer in each thread. */
  readonly warmMs: number
  /** The part of each layer's nodes and splices that an earlier run did. */
  readonly resumedAt?: number
  readonly startMs: number
  readonly finishMs: number
}

interface Job {
  readonly phase: LayerPhase
  readonly layer: number
  readonly units: number
}

/** Runs a migration on a clock of its own; returns the farthest that the time left was off, as a part of the truth. */
function worstError(run: Simulated, random: () => number): { worst: number; atPart: number } {
  let nowMs = 0
  const pace = new RunPace(0)
  const taskMs = new Map<ProgressPhase, number>()
  const busy = new Map<number, { job: Job; startMs: number; endMs: number }>()
  pace.watch({
    workers: run.workers,
    taskMs: (phase) => taskMs.get(phase) ?? 0,
    runningMs: () => [...busy.values()].reduce((sum, { startMs }) => sum + nowMs - startMs, 0),
  })
  pace.plan([
    { phase: 'cell', layer: '', total: 1 },
    { phase: 'finish', layer: '', total: 1 },
    ...run.layers.flatMap((total, at) =>
      (['nodes', 'indexes', 'splices'] as const).map((phase) => ({ phase, layer: `${at}`, total })),
    ),
  ])
  const done = new Map<string, number>()
  const show = (phase: LayerPhase, layer: number) => {
    const total = run.layers[layer]
    pace.show({ phase, layer: `${layer}`, done: done.get(`${phase} ${layer}`) ?? 0, total, unit: 'rows' }, nowMs)
  }
  pace.show({ phase: 'cell', layer: '', done: 0, total: 1, unit: 'steps' }, 0)
  nowMs = run.startMs
  pace.show({ phase: 'cell', layer: '', done: 1, total: 1, unit: 'steps' }, nowMs)
  // Phases of a layer take turns, as the threads take tasks in the order in which they were handed out.
  const streams: Job[][] = []
  const pieces = (phase: LayerPhase, layer: number, from: number): Job[] => {
    const count = Math.ceil((run.layers[layer] - from) / run.pieceUnits)
    return Array.from({ length: count }, () => ({ phase, layer, units: (run.layers[layer] - from) / count }))
  }
  for (const [layer, total] of run.layers.entries()) {
    for (const phase of ['nodes', 'splices'] as const) {
      const from = total * (run.resumedAt ?? 0)
      done.set(`${phase} ${layer}`, from)
      show(phase, layer)
      streams.push(pieces(phase, layer, from))
    }
  }
  const isWarm = new Set<string>()
  const samples: { atMs: number; leftMs: number | null }[] = []
  let turn = 0
  for (;;) {
    for (let worker = 0; worker < run.workers; worker++) {
      const open = streams.filter((stream) => stream.length > 0)
      if (busy.has(worker) || open.length === 0) continue
      const job = open[turn++ % open.length].shift() as Job
      const cold = isWarm.has(`${worker} ${job.phase}`) ? 0 : run.warmMs
      isWarm.add(`${worker} ${job.phase}`)
      const takesMs = job.units * run.costMs[job.phase] * (0.9 + 0.2 * random()) + cold
      busy.set(worker, { job, startMs: nowMs, endMs: nowMs + takesMs })
    }
    if (busy.size === 0) break
    const [worker, { job, startMs, endMs }] = [...busy].reduce((a, b) => (b[1].endMs < a[1].endMs ? b : a))
    // Whoever looks does so at any time, not only when something ends.
    for (; nowMs + 250 < endMs; nowMs += 250) samples.push({ atMs: nowMs, leftMs: pace.measure(nowMs).leftMs })
    nowMs = endMs
    busy.delete(worker)
    taskMs.set(job.phase, (taskMs.get(job.phase) ?? 0) + endMs - startMs)
    const key = `${job.phase} ${job.layer}`
    done.set(key, (done.get(key) ?? 0) + job.units)
    show(job.phase, job.layer)
    const isDone = (done.get(`nodes ${job.layer}`) ?? 0) > run.layers[job.layer] - 0.5
    if (job.phase !== 'nodes' || !isDone) continue
    show('indexes', job.layer)
    streams.push(pieces('indexes', job.layer, 0))
  }
  pace.show({ phase: 'finish', layer: '', done: 0, total: 1, unit: 'steps' }, nowMs)
  const endMs = nowMs + run.finishMs
  const off = samples
    .filter(({ atMs }) => atMs >= 0.2 * endMs && atMs <= 0.9 * endMs)
    .map(({ atMs, leftMs }) => {
      assert.ok(leftMs !== null)
      return { error: Math.abs(leftMs - (endMs - atMs)) / (endMs - atMs), atPart: atMs / endMs }
    })
  const worst = off.reduce((a, b) => (b.error > a.error ? b : a))
  return { worst: worst.error, atPart: worst.atPart }
}

/** Numbers from 0 to 1, the same in each run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state / 2147483648
  }
}

const USUAL = {
  workers: 2,
  layers: [3_900_000],
  costMs: { nodes: 0.006, splices: 0.004, indexes: 0.0015 },
  pieceUnits: 120_000,
  warmMs: 400,
  startMs: 700,
  finishMs: 400,
}

test('RunPace tells when a whole run ends within a fifth, from a fifth of its time on', () => {
  const cases: Record<string, Simulated> = {
    'half a million nodes': USUAL,
    'rows that take three times as long': { ...USUAL, costMs: { nodes: 0.018, splices: 0.012, indexes: 0.0045 } },
    'splices that are cheap': { ...USUAL, costMs: { nodes: 0.006, splices: 0.0026, indexes: 0.0015 } },
    'splices that are dear': { ...USUAL, costMs: { nodes: 0.006, splices: 0.008, indexes: 0.0015 } },
    // Until they begin, nothing tells that they are: what is usual may be off by as much as here.
    'indexes that are dear': { ...USUAL, costMs: { nodes: 0.006, splices: 0.004, indexes: 0.00165 } },
    'indexes that are cheap': { ...USUAL, costMs: { nodes: 0.006, splices: 0.004, indexes: 0.00135 } },
    'many layers': { ...USUAL, layers: [900_000, 1_800_000, 600_000, 3_000_000] },
    'many workers': { ...USUAL, workers: 16, layers: [200_000_000], pieceUnits: 500_000 },
    'one worker': { ...USUAL, workers: 1 },
  }
  for (const [name, run] of Object.entries(cases)) {
    for (const [resumedAt, larger] of [
      [0, 1],
      [0.5, 3],
      [0.9, 10],
    ]) {
      const layers = run.layers.map((rows) => rows * larger)
      const { worst, atPart } = worstError({ ...run, layers, resumedAt }, seeded(7))
      assert.ok(
        worst <= 0.2,
        `${name}, resumed at ${resumedAt}: ${worst.toFixed(2)} off at ${atPart.toFixed(2)} of the run`,
      )
    }
  }
})

test('RunPace shows what an earlier run did as done at once, and tells no time from it', () => {
  const pace = new RunPace(0)
  pace.watch({ workers: 2, taskMs: () => 0, runningMs: () => 0 })
  pace.plan([{ phase: 'nodes', layer: 'a', total: 1_000_000 }])
  pace.show({ phase: 'nodes', layer: 'a', done: 600_000, total: 1_000_000, unit: 'rows' }, 10)
  const { part, leftMs, step, steps, phases } = pace.measure(5000)
  assert.equal(part, 0.6)
  assert.equal(leftMs, null)
  assert.deepEqual([step, steps, phases], [1, 1, ['nodes']])
})

test('RunPace counts the parts of a run, and takes nothing back that it has shown as done', () => {
  const pace = new RunPace(0)
  let ms = 0
  pace.watch({ workers: 1, taskMs: (phase) => (phase === 'nodes' ? ms : 0), runningMs: () => 0 })
  pace.plan([
    { phase: 'cell', layer: '', total: 3 },
    { phase: 'nodes', layer: 'a', total: 1000 },
    { phase: 'splices', layer: 'a', total: 0 },
    { phase: 'indexes', layer: 'a', total: 1000 },
    { phase: 'finish', layer: '', total: 6 },
  ])
  assert.deepEqual(pace.measure(0).phases, ['cell'])
  pace.show({ phase: 'cell', layer: '', done: 3, total: 3, unit: 'steps' }, 100)
  let before = pace.measure(100)
  assert.deepEqual([before.step, before.steps, before.phases], [2, 4, ['nodes']])
  for (let done = 100; done <= 1000; done += 100) {
    // Each row takes longer than the one before.
    ms += done * 10
    pace.show({ phase: 'nodes', layer: 'a', done, total: 1000, unit: 'rows' }, ms)
    const now = pace.measure(ms)
    assert.ok(now.part >= before.part && now.part < 1)
    before = now
  }
  assert.deepEqual([before.step, before.phases], [3, ['indexes']])
  pace.show({ phase: 'indexes', layer: 'a', done: 7, total: 7, unit: 'parts' }, ms + 500)
  assert.deepEqual(pace.measure(ms + 500).phases, ['finish'])
  pace.show({ phase: 'finish', layer: '', done: 6, total: 6, unit: 'steps' }, ms + 900)
  assert.equal(pace.measure(ms + 900).part, 1)
})

test('RunPace takes a comparison that follows for a part of the run, which is not done when its rows are', () => {
  const pace = new RunPace(0)
  let ms = 0
  pace.watch({ workers: 2, taskMs: (phase) => (phase === 'nodes' ? 2 * ms : 0), runningMs: () => 0 })
  pace.plan(['nodes', 'verify'].map((phase) => ({ phase: phase as ProgressPhase, layer: 'a', total: 1000 })))
  for (; ms <= 10_000; ms += 1000) {
    pace.show({ phase: 'nodes', layer: 'a', done: ms / 10, total: 1000, unit: 'rows' }, ms)
    const { leftMs } = pace.measure(ms)
    // Twice as long as the nodes, as it usually is.
    if (ms >= 2000) assert.ok(leftMs !== null && Math.abs(leftMs - (30_000 - ms)) < 1000, `${leftMs} at ${ms}`)
  }
  // It takes 25 s, the first 5 without news.
  for (let s = 0; s <= 13; s++) {
    const nowMs = 15_000 + 1000 * s
    pace.show({ phase: 'verify', layer: 'a', done: Math.round((1000 * s) / 13), total: 1000, unit: 'rows' }, nowMs)
    const { leftMs, part, step } = pace.measure(nowMs)
    assert.equal(step, 2)
    assert.ok(part < 1)
    if (s >= 2) assert.ok(leftMs !== null && Math.abs(leftMs - (35_000 - nowMs)) < 1500, `${leftMs} at ${nowMs}`)
  }
})
