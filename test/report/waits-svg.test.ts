import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startedRun } from '../../src/report/run-history.js'
import { ThroughputSamples } from '../../src/report/throughput-samples.js'
import { waitsSvg } from '../../src/report/waits-svg.js'

const host = { name: 'h', system: 'linux x64', node: 'v20', cores: 2, memoryBytes: 1 }
const run = startedRun({ runId: 'r', version: '1', isDryRun: false, options: {}, host })

test('waitsSvg() draws the shares of each span on top of each other, and says the whole in words', () => {
  const waits = [
    { elapsedMs: 0, workMs: 0, writerMs: 0, diskMs: 0, idleMs: 0 },
    { elapsedMs: 1000, workMs: 2000, writerMs: 0, diskMs: 0, idleMs: 0 },
    { elapsedMs: 2000, workMs: 2500, writerMs: 1000, diskMs: 500, idleMs: 0 },
  ]
  const svg = waitsSvg({ ...run, waits })
  assert.match(
    svg,
    /<figcaption>Worker threads: 63% of their time at work, 25% waiting for the writer, 13% for the disk, 0% without work</,
  )
  const heights = (kind: string) =>
    [
      ...svg.matchAll(
        new RegExp(`<rect class="${kind}" x="[\\d.]+" y="([\\d.]+)" width="320.0" height="([\\d.]+)"/>`, 'g'),
      ),
    ].map(([, y, height]) => [Number(y), Number(height)])
  assert.deepEqual(heights('work'), [
    [0, 100],
    [75, 25],
  ])
  assert.deepEqual(heights('writer')[1], [25, 50])
  assert.deepEqual(heights('disk')[1], [0, 25])
})

test('waitsSvg() draws nothing for a run that measured nothing, and takes those of earlier versions', () => {
  assert.equal(waitsSvg(run), '')
  const { waits: _, ...older } = run
  assert.equal(waitsSvg(older), '')
})

test('ThroughputSamples notes what the threads wait for, and passes on where that is measured', () => {
  let asked = 0
  const watched: unknown[] = []
  const samples = new ThroughputSamples({ show: () => {}, watch: (gauges) => watched.push(gauges) })
  assert.deepEqual(samples.waits, [])
  const waits = () => ({ workMs: ++asked + 0.4, writerMs: 0, diskMs: 0, idleMs: 0 })
  const gauges = { workers: 2, waits, taskMs: () => 0, runningMs: () => 0 }
  samples.watch(gauges)
  assert.deepEqual(watched, [gauges])
  for (let done = 0; done < 100; done++) samples.show({ phase: 'nodes', layer: 'a', done, total: 100, unit: 'rows' })
  // One at once, the next a second later; and one for the end.
  const taken = samples.waits
  assert.deepEqual(
    taken.map(({ workMs }) => workMs),
    [1, 2],
  )
})
