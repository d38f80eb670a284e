import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PackMap, type Value } from '../../src/bytes/msgpack.js'
import { A, asn, Bench, META } from '../support/sync-bench.js'

const V = 'c'.repeat(32)
const TIME = 1_500_000_000_000

/** In sync, with a view and a node that the destination has. */
async function inSync(): Promise<Bench> {
  const bench = new Bench()
  for (const cortex of [bench.source, bench.dest]) cortex.views.set(V, [A])
  bench.source.hiveLayers = [A]
  bench.add(A, asn(1, 1, { ...META, time: TIME }))
  await bench.start([A, 0])
  await bench.wait(20_000)
  assert.deepEqual((await bench.run(bench.service.untilCaughtUp())).cutoverBlockers, [])
  return bench
}

const ODD: readonly [side: 'source' | 'dest', method: string, answers: Value[], blocker: RegExp][] = [
  ['source', 'listHiveKey', [null, 'abc', new PackMap([]), [1]], /^Cannot tell whether layers or views were made/],
  ['source', 'getHiveKey', ['abc', 1, [null]], /^Cannot tell whether layers or views were made/],
  [
    'dest',
    'callStorm',
    [null, new PackMap([]), ['abc'], [new PackMap([['iden', V]])], [new PackMap([['layers', []]])]],
    /^Cannot tell whether layers or views were made/,
  ],
  [
    'dest',
    'getDmonSessions',
    [null, new PackMap([]), ['abc'], [new PackMap([['items', null]])]],
    /^Cannot tell whether anybody else writes to the destination/,
  ],
  ['dest', 'count', [null, '1', new PackMap([])], /Cannot look for nodes whose splices/],
]

for (const [side, method, answers, blocker] of ODD) {
  test(`an answer of the ${side} to ${method} that is of another kind keeps from cutting over, and is not taken for nothing`, async () => {
    const bench = await inSync()
    if (method === 'count') bench.source.created.set(A, new Map([['f'.repeat(64), TIME + 500]]))
    for (const answer of answers) {
      bench[side].odd = (asked) => (asked === method ? answer : undefined)
      const { canCutover, cutoverBlockers } = await bench.run(bench.service.ask())
      assert.equal(canCutover, false)
      assert.ok(
        cutoverBlockers.some((text) => blocker.test(text)),
        cutoverBlockers.join(),
      )
    }
    bench.source.created.clear()
    bench[side].odd = () => undefined
    assert.deepEqual((await bench.run(bench.service.untilCaughtUp())).cutoverBlockers, [])
  })
}

test('a view that is deleted while it is looked for is none that is missing', async () => {
  const bench = await inSync()
  const other = 'd'.repeat(32)
  bench.source.views.set(other, [A])
  bench.source.odd = (method, args) => {
    if (method === 'getHiveKey' && (args[0] as string[])[2] === other) bench.source.views.delete(other)
    return undefined
  }
  assert.deepEqual((await bench.run(bench.service.ask())).cutoverBlockers, [])
})
