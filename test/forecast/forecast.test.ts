import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DiskRates, diskNeed, forecast, type Workload } from '../../src/forecast/forecast.js'
import { durationText, forecastChart } from '../../src/forecast/forecast-chart.js'

const GIB = 2 ** 30
const MEMORY = GIB
const work: Workload = {
  nodes: 1e6,
  rows: 2e7,
  sourceBytes: 2e9,
  copiedBytes: 0,
  warmMs: 500,
  extract: { workMs: 40_000, pageBytes: 1e9, runBytes: 1e9 },
  splices: { workMs: 10_000, pageBytes: 5e8, runBytes: 0 },
  merge: { workMs: 20_000, pageBytes: 1e9, runBytes: 0 },
}
/** A disk and a writer that nothing waits for. */
const instant: DiskRates = {
  writeBytesPerMs: Number.POSITIVE_INFINITY,
  readBytesPerMs: Number.POSITIVE_INFINITY,
  fsyncP50Ms: 0,
  fsyncP99Ms: 0,
  placeBytesPerMs: Number.POSITIVE_INFINITY,
  placeWorkBytesPerMs: Number.POSITIVE_INFINITY,
}
const START_MS = 600 + work.warmMs
/** A second of a worker thread with what other threads do meanwhile. */
const SECOND = 1120

test('forecast() of one core and an instant disk is the time of one thread and the start', () => {
  const { elapsedMs, boundBy } = forecast(work, instant, 1, MEMORY)
  assert.ok(Math.abs(elapsedMs - (START_MS + 70 * SECOND)) < 1e-6)
  assert.equal(boundBy, 'cores')
})

test('forecast() of two cores and an instant disk takes half, one percent of contention and half a task a phase', () => {
  const { phases } = forecast(work, instant, 2, MEMORY)
  const tasks = 2.5e9 / (8 * 2 ** 20)
  const first = (50 * SECOND * 1.01) / 2 + (50 * SECOND * 1.01) / tasks / 2
  assert.ok(Math.abs(phases[1].elapsedMs - first) < 1e-6)
})

test('forecast() names the disk when it takes longer than the cores', () => {
  const slow = { ...instant, writeBytesPerMs: 10_000 }
  const { phases, boundBy } = forecast(work, slow, 64, MEMORY)
  assert.equal(boundBy, 'disk')
  assert.equal(phases[1].elapsedMs, 2.5e9 / 10_000)
  assert.equal(phases[2].elapsedMs, 1e9 / 10_000)
})

test('forecast() names the writer thread when placing pages takes longer than cores and disk', () => {
  const { phases, boundBy } = forecast(work, { ...instant, placeBytesPerMs: 100_000 }, 64, MEMORY)
  assert.equal(boundBy, 'writer thread')
  assert.equal(phases[1].elapsedMs, 1.5e9 / 100_000)
})

test('forecast() counts what a source on a slow disk takes to read', () => {
  const { phases } = forecast(work, { ...instant, readBytesPerMs: 10_000 }, 64, MEMORY)
  assert.equal(phases[1].elapsedMs, 200_000)
  assert.equal(phases[1].boundBy, 'disk')
})

test('forecast() takes no longer with more cores up to 64', () => {
  const times = [1, 2, 4, 8, 16, 32, 64].map((cores) => forecast(work, instant, cores, MEMORY).elapsedMs)
  assert.deepEqual(
    times,
    [...times].sort((a, b) => b - a),
  )
})

test('forecast() needs less memory when --memory is smaller', () => {
  const [small, large] = [256 * 2 ** 20, 4 * GIB].map((bytes) => forecast(work, instant, 8, bytes).memoryBytes)
  assert.ok(small < large)
})

test('diskNeed() has the runs at the peak only, copied files in both', () => {
  const need = diskNeed({ ...work, copiedBytes: 7 })
  assert.deepEqual(need, { finalBytes: 2.5e9 + 7, peakBytes: 3.5e9 + 7 })
})

test('forecastChart() has a bar and a label for each number of cores', () => {
  const forecasts = [1, 2, 4].map((cores) => forecast(work, instant, cores, MEMORY))
  const svg = forecastChart('of a & b', forecasts)
  assert.equal(svg.match(/<rect x="\d+\.\d"/g)?.length, 3)
  for (const { elapsedMs } of forecasts) assert.ok(svg.includes(`>${durationText(elapsedMs)}<`))
  assert.ok(svg.includes('of a &#38; b'))
})

test('durationText() says seconds, minutes and hours', () => {
  assert.deepEqual([12_345, 240_000, 7.2e6 * 10].map(durationText), ['12.3 s', '4.0 min', '20.0 h'])
})
