import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunGauges } from '../../src/migrate/progress.js'
import { RunProgress } from '../../src/migrate/run-progress.js'

test('the time of merging runs in levels belongs to the nodes, beside whose translation it is done', () => {
  let gauges: RunGauges | null = null
  const watch = (known: RunGauges) => {
    gauges = known
  }
  const progress = new RunProgress({ show: () => {}, watch }, 1)
  const end = progress.tasks({ begin: () => () => {} }).begin('mergeRunFiles', {})
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
  end()
  assert.ok((gauges as RunGauges | null)?.taskMs('nodes'))
})
