import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProgressScreen } from '../../src/cli/progress-screen.js'
import { barLine, overallLine } from '../../src/cli/progress-text.js'
import type { RunGauges } from '../../src/migrate/progress.js'
import { FakeTerminal } from '../support/fake-terminal.js'

const task = {
  name: 'nodes 1a2b3c4d',
  done: 12_345_678,
  total: 98_765_432,
  unit: 'node rows',
  rate: 123_456.7,
  leftS: 723,
}
const standing = {
  step: 2,
  steps: 5,
  phases: ['nodes', 'splices'] as const,
  part: 0.4371,
  elapsedMs: 83_000,
  leftMs: 123_000,
}
const facts = { limit: { by: 'writer', part: 0.41 }, memoryBytes: 812 * 2 ** 20, errors: 0 } as const

test('barLine() and overallLine() fit the terminal: percentage and time left first, the rest where there is room', () => {
  for (const columns of [20, 40, 60, 80, 120, 200]) {
    for (const done of [0, 5e7, task.total]) {
      assert.ok(barLine({ ...task, done }, columns).length < columns, `${columns}`)
      assert.ok(overallLine({ ...standing, part: done / task.total }, facts, columns).length < columns, `${columns}`)
    }
  }
  assert.equal(barLine(task, 40), 'nodes 1a2b3c4d 12% | 12 min 3 s left')
  assert.equal(barLine(task, 80), 'nodes 1a2b3c4d ==------------------ 12% | 12 min 3 s left | 123,457 node rows/s')
  assert.match(
    barLine(task, 200),
    /^nodes 1a2b3c4d =+-+ 12% \| 12 min 3 s left \| 123,457 node rows\/s \| 12,345,678 of 98,765,432 node rows$/,
  )
  assert.equal(overallLine(standing, facts, 40), 'Phase 2/5 ===----- 43% | 2 min 3 s left')
  assert.equal(
    overallLine(standing, facts, 80),
    'Phase 2/5 43% | 2 min 3 s left | 1 min 23 s so far | limit: writer | 812 MiB',
  )
  assert.match(
    overallLine({ ...standing }, { ...facts, errors: 3 }, 200),
    /^Phase 2 of 5, nodes and splices =+-+ 43% \| 2 min 3 s left \| 1 min 23 s so far \| 3 errors \| limited by writer \(41% of the time\) \| 812 MiB$/,
  )
})

test('nothing that was not measured is shown, and of what is not done no 100 %', () => {
  const line = barLine({ ...task, done: task.total - 1, rate: null, leftS: null }, 200)
  assert.match(line, /99% \| 98,765,431 of 98,765,432 node rows$/)
  assert.doesNotMatch(overallLine({ ...standing, leftMs: null }, { ...facts, limit: null }, 200), /left|limit|\?/)
})

/** A screen on a clock of its own, with one layer under way. */
function begun(out: FakeTerminal, isTerminal: boolean, line: (text: string) => void = () => {}) {
  let nowMs = 0
  const screen = new ProgressScreen({ isTerminal, line, out, now: () => nowMs })
  const waits = { workMs: 0, writerMs: 0, diskMs: 0, idleMs: 0 }
  const gauges: RunGauges = {
    workers: 2,
    waits: () => ({ ...waits, workMs: 2 * nowMs }),
    taskMs: (phase) => (phase === 'nodes' ? 2 * nowMs : 0),
    runningMs: () => 0,
  }
  screen.watch(gauges)
  screen.plan([
    { phase: 'nodes', layer: '1a2b3c4d', total: 1_000_000 },
    { phase: 'indexes', layer: '1a2b3c4d', total: 1_000_000 },
  ])
  const at = (ms: number, done: number) => {
    nowMs = ms
    screen.show({ phase: 'nodes', layer: '1a2b3c4d', done, total: 1_000_000, unit: 'rows' })
    screen.look()
  }
  return { screen, at }
}

for (const columns of [40, 80, 200]) {
  test(`lines of the log stay whole above the bars of a terminal with ${columns} columns, which leave nothing behind`, () => {
    const out = new FakeTerminal(columns)
    const { screen, at } = begun(out, true)
    const said: string[] = []
    for (let i = 0; i < 10; i++) {
      at(1000 * i, 50_000 * i)
      const line = `line ${i} ${'of the log '.repeat(i * 3)}`
      screen.write(`${line}\n`)
      said.push(line)
    }
    assert.deepEqual(out.lines.slice(0, 10), said)
    const [overall, bar, ...rest] = out.lines.slice(10)
    assert.match(overall, /^Phase 1( of |\/)2.* 3\d% \| \d+ s left/)
    assert.match(bar, /^nodes 1a2b3c4d .*45% \| \d+ s left/)
    assert.deepEqual(rest, [''])
    assert.ok(overall.length < columns && bar.length < columns)
    screen.stop()
    assert.deepEqual(out.lines, [...said, ''])
  })
}

test('a terminal whose width changes has each line once, and none of the log is lost', () => {
  const out = new FakeTerminal(200)
  const { screen, at } = begun(out, true)
  const log = Array.from({ length: 5 }, (_, i) => `line ${i} ${'of the log '.repeat(10)}`)
  for (const line of log) screen.write(`${line}\n`)
  let done = 0
  for (const columns of [200, 80, 40, 120, 40, 200, 60, 41, 150]) {
    out.resize(columns)
    done += 20_000
    at(done / 10, done)
    assert.deepEqual(out.lines.slice(0, 5), log, `${columns}`)
    assert.equal(out.lines.length, 8, `${columns}: ${out.lines.join('\n')}`)
    assert.match(out.lines[5], /^Phase 1/)
    assert.match(out.lines[6], /^nodes /)
  }
  screen.stop()
  assert.deepEqual(out.lines, [...log, ''])
})

test('the cursor is there again after the last task, whether or not the screen was drawn since', () => {
  for (const isDrawn of [false, true]) {
    const out = new FakeTerminal(80)
    const screen = new ProgressScreen({ isTerminal: true, line: () => {}, out })
    screen.show({ phase: 'verify', layer: 'a', done: 1, total: 2, unit: 'rows' })
    screen.look()
    assert.equal(out.isCursorShown, false)
    screen.show({ phase: 'verify', layer: 'a', done: 2, total: 2, unit: 'rows' })
    if (isDrawn) screen.look()
    screen.stop()
    assert.equal(out.isCursorShown, true)
    assert.deepEqual(out.lines, [''])
  }
})

test('more tasks than a terminal has rows are counted in its last line', () => {
  const out = new FakeTerminal(80, 10)
  const { screen, at } = begun(out, true)
  for (let layer = 10; layer < 30; layer++) {
    screen.show({ phase: 'splices', layer: `${layer}`, done: 1, total: 3, unit: 'splices' })
  }
  at(1000, 10)
  assert.ok(out.lines.length <= 10, out.lines.join('\n'))
  assert.match(out.lines[out.lines.length - 2], /^… 16 more$/)
  screen.stop()
})

test('off a terminal a line is written each ten seconds or each percent, whichever is later', () => {
  const lines: string[] = []
  const { screen, at } = begun(new FakeTerminal(80), false, (line) => lines.push(line))
  // A percent of the whole takes two seconds.
  for (let ms = 0; ms <= 60_000; ms += 500) at(ms, ms * 6)
  assert.equal(lines.length, 6)
  assert.match(
    lines[1],
    /^Phase 1 of 2, nodes: 9% of all, 20 s so far, about 3 min \d+ s left; nodes: 120,000 of 1,000,000 node rows, 6,000\/s; limited by workers \(100% of the time\); \d+ MiB of memory; no errors$/,
  )
  screen.errors(1234)
  // A percent takes a minute from here on.
  for (let ms = 60_000; ms <= 360_000; ms += 500) at(ms, 360_000 + (ms - 60_000) / 5)
  assert.ok(lines.length >= 10 && lines.length <= 12, `${lines.length}`)
  assert.match(lines[lines.length - 1], /; 1,234 errors$/)
  screen.stop()
})
