import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FAN_IN, type RunId, RunLevels } from '../../src/run/run-levels.js'

test('RunLevels merges each run once into the one above, in whatever order they are finished, until the last merge takes all', () => {
  const sizes = fc.record({
    partitions: fc.integer({ min: 1, max: 3000 }),
    atOnce: fc.integer({ min: 2, max: 9 }),
    most: fc.integer({ min: 1, max: 12 }),
  })
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(), { minLength: 1 }), ({ partitions, ...fanIn }, order) => {
      const levels = new RunLevels(partitions, fanIn)
      let open: RunId[] = Array.from({ length: partitions }, (_, index) => ({ level: 0, index }))
      const last: RunId[] = []
      for (let step = 0; open.length > 0; step++) {
        const [run] = open.splice(order[step % order.length] % open.length, 1)
        if (run.level === levels.top) last.push(run)
        const next = levels.finish(run)
        if (next !== null) open = [...open, next]
      }
      assert.ok(levels.count(levels.top) <= fanIn.most)
      assert.deepEqual(
        last.map(({ index }) => index).sort((x, y) => x - y),
        [...Array(levels.count(levels.top)).keys()],
      )
      const partitionsOf = (run: RunId): number[] =>
        run.level === 0 ? [run.index] : levels.members(run).flatMap(partitionsOf)
      assert.deepEqual(last.sort((x, y) => x.index - y.index).flatMap(partitionsOf), [...Array(partitions).keys()])
    }),
    { numRuns: 200, seed: 5 },
  )
})

test('RunLevels merges nothing of a usual layer, and the runs of a billion nodes once', () => {
  const topOf = (partitions: number) => new RunLevels(partitions).top
  assert.deepEqual([1, 512, 513, 100_000, 131_072, 131_073].map(topOf), [0, 0, 1, 1, 1, 2])
  assert.equal(new RunLevels(100_000).count(1), 391)
  assert.ok(FAN_IN.atOnce <= 256)
})
