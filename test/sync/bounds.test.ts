import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode, PackMap } from '../../src/bytes/msgpack.js'
import { A, asn, B, Bench, META, range } from '../support/sync-bench.js'

/** A splice of about so many bytes. */
function large(valu: number, bytes: number) {
  return asn(valu, valu, { ...META, prov: 'p'.repeat(bytes) })
}

test('LayerSyncs keeps no more than queueBytes of large splices in memory, whatever their number, and loses none', async () => {
  const queueBytes = 2 << 20
  const bench = new Bench({ queueBytes })
  for (const iden of [A, B]) bench.add(iden, ...range(400).map((valu) => large(valu, 40_000)))
  bench.dest.faults = { ...bench.dest.faults, slowMs: 2_000 }
  await bench.start([A, 0], [B, 0])
  let most = 0
  const done = bench.service.untilCaughtUp()
  let isDone = false
  void done.then(() => {
    isDone = true
  })
  while (!isDone) {
    await bench.wait(200)
    most = Math.max(most, bench.layer(A).queue?.length ?? 0, bench.layer(B).queue?.length ?? 0)
  }
  // Each splice is counted twice, and the last one read may go over.
  const limit = Math.ceil(queueBytes / 80_000) + 4
  assert.ok(most > 3 && most <= limit, `${most} of ${limit}`)
  assert.deepEqual([new Set(bench.values(A)), new Set(bench.values(B))], [new Set(range(400)), new Set(range(400))])
})

test('a layer goes on although another one has filled the memory', async () => {
  const bench = new Bench({ queueBytes: 1 << 20 })
  bench.add(A, ...range(200).map((valu) => large(valu, 40_000)))
  const { storing } = bench.dest
  bench.dest.storing = (iden) => (iden === A ? new Promise(() => {}) : storing(iden))
  await bench.start([A, 0], [B, 0])
  await bench.wait(30_000)
  bench.add(B, ...range(100).map((valu) => asn(valu, valu)))
  await bench.wait(30_000)
  assert.deepEqual([bench.values(A).length, bench.values(B).length], [0, 100])
})

test('retryErrors() applies the splices that a record of the reference service holds', async () => {
  const bench = new Bench()
  bench.add(A, asn(0, 9), asn(1, 1))
  await bench.start([A, 0])
  await bench.run(bench.service.untilCaughtUp())
  const lost = asn(7, 7)
  const record = { layer: A, offset: 1, endOffset: 1, message: 'old', splices: [lost], nodeedits: null, meta: null }
  await bench.run(bench.store.advance(A, 2, [record, { ...record, offset: 2, endOffset: 2, splices: [BAD] }], 2))
  assert.deepEqual(await bench.run(bench.service.retryErrors()), { applied: 1, failed: 1 })
  assert.equal(bench.values().at(-1), 7)
  assert.deepEqual(
    bench.service.errors().map(({ offset }) => offset),
    [2],
  )
})

const BAD = encode(['prop:set', new PackMap([['ndef', ['inet:newp', 1]]])])
