import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buid } from '../../src/bytes/hash.js'
import { deferred } from '../../src/sync/layer/deferred.js'
import { LinkDown, TelepathError } from '../../src/telepath/errors.js'
import { A, asn, B, Bench, META } from '../support/sync-bench.js'

const V = 'c'.repeat(32)

function iden(valu: number): string {
  return Buffer.from(buid(['inet:ipv4', valu])).toString('hex')
}

/** In sync up to a splice of `time`, with a view of the layer on both sides. */
async function inSync(time: number): Promise<Bench> {
  const bench = new Bench()
  for (const cortex of [bench.source, bench.dest]) cortex.views.set(V, [A])
  bench.source.hiveLayers = [A]
  bench.source.created.set(A, new Map([[iden(1), time]]))
  bench.add(A, asn(0, 9, { ...META, time: time - 1 }), asn(1, 1, { ...META, time }))
  await bench.start([A, 1])
  assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
  return bench
}

test('a node that was made at the source without a splice keeps from cutting over, also after restarts', async () => {
  const time = 1_500_000_000_000
  const bench = await inSync(time)
  bench.source.created.get(A)?.set(iden(5), time + 60_000)
  const { canCutover, cutoverBlockers } = await bench.run(bench.service.untilCaughtUp())
  assert.equal(canCutover, false)
  assert.match(cutoverBlockers.join(), new RegExp(`1 node was made at the source without splices.*${iden(5)}`))
  // Later splices do not hide it.
  bench.add(A, asn(2, 2, { ...META, time: time + 9_000_000 }))
  await bench.wait(120_000)
  const again = await bench.again()
  assert.equal((await again.run(again.service.untilCaughtUp())).canCutover, false)
  // The operator brings it over.
  again.add(A, asn(5, 5, { ...META, time: time + 9_100_000 }))
  assert.equal((await again.run(again.service.untilCaughtUp())).canCutover, true)
})

test('a destination that goes away while it is asked for nodes is not told as a source that cannot be read, nor as a yes', async () => {
  const time = 1_500_000_000_000
  const bench = await inSync(time)
  bench.add(A, asn(1, 2, { ...META, time: time + 60_000 }))
  bench.source.created.get(A)?.set(iden(1), time + 60_000)
  bench.dest.answering = (method) => {
    if (method === 'count') throw new LinkDown('gone')
  }
  await bench.wait(10_000)
  const { canCutover, cutoverBlockers } = await bench.run(bench.service.ask())
  assert.equal(canCutover, false)
  assert.match(cutoverBlockers.join(), /not checked against the source since you asked/)
  await bench.wait(60_000)
  assert.doesNotMatch([...bench.layer().notes, ...bench.warnings].join(), /source cannot be read/)
  assert.equal(bench.layer().pullStatus, 'up_to_date')
  bench.dest.answering = () => {}
  assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
})

test('nodes that come with their splices are never taken for lost ones', async () => {
  const bench = await inSync(1_600_000_000_000)
  for (let i = 0; i < 200; i++) {
    const at = Math.floor(bench.clock.now())
    bench.add(A, asn(i, 10 + i, { ...META, time: at }))
    bench.source.created.get(A)?.set(iden(10 + i), at)
    await bench.wait(700)
    const { cutoverBlockers } = await bench.run(bench.service.ask())
    assert.doesNotMatch(cutoverBlockers.join(), /without splices/)
  }
  assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
})

test('a node that is younger than the last splice keeps from cutting over, although the destination has it, until a splice shows that they are on', async () => {
  const time = 1_500_000_000_000
  const bench = await inSync(time)
  // It came with the backup: splices had been switched off before.
  bench.source.created.get(A)?.set(iden(1), time + 60_000)
  const { canCutover, cutoverBlockers } = await bench.run(bench.service.untilCaughtUp())
  assert.equal(canCutover, false)
  assert.match(
    cutoverBlockers.join(),
    new RegExp(`1 node was made at the source after its last splice .*${iden(1)}.*splice:en`),
  )
  const again = await bench.again()
  assert.equal((await again.run(again.service.untilCaughtUp())).canCutover, false)
  again.add(A, asn(0, 9, { ...META, time: time + 90_000 }))
  assert.equal((await again.run(again.service.untilCaughtUp())).canCutover, true)
})

test('a log that is empty although its layer has nodes keeps from cutting over', async () => {
  const bench = new Bench()
  for (const cortex of [bench.source, bench.dest]) cortex.views.set(V, [A])
  bench.source.hiveLayers = [A]
  await bench.start([A, 0])
  assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
  bench.source.created.set(A, new Map([[iden(1), 1_000]]))
  const { canCutover, cutoverBlockers } = await bench.run(bench.service.untilCaughtUp())
  assert.equal(canCutover, false)
  assert.match(cutoverBlockers.join(), /1 node was made at the source after its last splice/)
  // What was made while they were off is still looked for when they are on.
  bench.add(A, asn(3, 3, { ...META, time: 2_000 }))
  const later = await bench.run(bench.service.untilCaughtUp())
  assert.match(later.cutoverBlockers.join(), /1 node was made at the source without splices/)
})

test('a layer that was filled while splices were off is no sign that they are, when another one has younger splices', async () => {
  const time = 1_500_000_000_000
  const bench = new Bench()
  for (const cortex of [bench.source, bench.dest]) cortex.views.set(V, [A]).set('e'.repeat(32), [B])
  bench.source.hiveLayers = [A, B]
  bench.add(A, asn(1, 1, { ...META, time: time + 60_000 }))
  await bench.start([A, 0], [B, 0])
  await bench.wait(10_000)
  bench.source.created.set(B, new Map([[iden(1), time]]))
  assert.deepEqual((await bench.run(bench.service.untilCaughtUp())).cutoverBlockers, [])
  bench.source.created.set(B, new Map([[iden(1), time + 90_000]]))
  const { cutoverBlockers } = await bench.run(bench.service.untilCaughtUp())
  assert.match(cutoverBlockers.join(), /1 node was made at the source after its last splice/)
})

test('a look that could not tell whether nodes are younger than all splices, as another layer had not been read, is no answer', async () => {
  const time = 1_500_000_000_000
  const bench = new Bench()
  for (const cortex of [bench.source, bench.dest]) cortex.views.set(V, [A]).set('e'.repeat(32), [B])
  bench.source.hiveLayers = [A, B]
  bench.add(A, asn(1, 1, { ...META, time }))
  bench.source.created.set(A, new Map([[iden(1), time + 60_000]]))
  const gate = deferred<void>()
  bench.source.reading = (layer) => (layer === B ? gate.promise : Promise.resolve())
  await bench.start([A, 0], [B, 0])
  await bench.wait(20_000)
  // Looking for layers and views takes so long that the other layer has come to its end meanwhile.
  bench.dest.faults = { ...bench.dest.faults, random: () => 0.5, slowMs: 4_000 }
  const asked = bench.service.ask()
  await bench.wait(5_000)
  gate.resolve()
  const { canCutover, cutoverBlockers } = await bench.run(asked)
  assert.deepEqual(bench.layer(B).pullStatus, 'up_to_date')
  assert.equal(canCutover, false, cutoverBlockers.join())
  bench.dest.faults = { ...bench.dest.faults, slowMs: 1 }
  const later = await bench.run(bench.service.untilCaughtUp())
  assert.match(later.cutoverBlockers.join(), /1 node was made at the source after its last splice/)
})

test('the first splice is read once to look at its time, and once to be pushed', async () => {
  const bench = new Bench({ pollS: 60 })
  const offsets: number[] = []
  bench.source.reading = async (_, offset) => {
    offsets.push(offset)
  }
  bench.add(A, asn(1))
  await bench.start([A, 0])
  await bench.wait(400)
  assert.deepEqual(offsets, [0, 0])
})

test('nodes are not looked for at a destination that was put back and is not compared yet: they come again', async () => {
  const time = 1_500_000_000_000
  const bench = await inSync(time)
  for (let i = 2; i < 20; i++) {
    bench.source.created.get(A)?.set(iden(i), time + i * 1_000)
    bench.add(A, asn(i, i, { ...META, time: time + i * 1_000 }))
  }
  assert.deepEqual((await bench.run(bench.service.untilCaughtUp())).cutoverBlockers, [])
  bench.dest.layerRefusal = TelepathError.of('NoSuchLayer', { iden: A })
  bench.dest.cut()
  bench.dest.applied.set(A, [])
  bench.dest.logged.set(A, [])
  for (let i = 0; i < 30; i++) {
    await bench.wait(1_500)
    const { canCutover, cutoverBlockers } = await bench.run(bench.service.ask())
    assert.equal(canCutover, false)
    assert.match(cutoverBlockers.join(), /^Layer a+: The destination cannot be written to now: NoSuchLayer[^,]*$/)
  }
  bench.dest.layerRefusal = null
  assert.deepEqual((await bench.run(bench.service.untilCaughtUp())).cutoverBlockers, [])
  assert.doesNotMatch(bench.warnings.join(), /without splices/)
})

test('an offset that skips what the destination has not got keeps from cutting over', async () => {
  const bench = new Bench()
  for (const cortex of [bench.source, bench.dest]) cortex.views.set(V, [A])
  bench.source.hiveLayers = [A]
  const made = Array.from({ length: 40 }, (_, i) => i)
  bench.source.created.set(A, new Map(made.map((i) => [iden(i), 1_000 + i])))
  bench.add(A, ...made.map((i) => asn(i, i, { ...META, time: 1_000 + i })))
  await bench.start([A, 20])
  const { canCutover, cutoverBlockers } = await bench.run(bench.service.untilCaughtUp())
  assert.equal(canCutover, false)
  assert.match(
    cutoverBlockers.join(),
    /19 nodes were made at the source without splices.*the offsets file is not of this destination/,
  )
})

test('nodes of a time when the clock of the source was wrong are no sign that splices are off', async () => {
  const time = 1_500_000_000_000
  const bench = await inSync(time)
  bench.source.created.get(A)?.set(iden(1), bench.clock.now() + 86_400_000)
  assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
  // Put back by an hour between two splices.
  bench.source.created.get(A)?.set(iden(2), time + 3_600_000)
  bench.add(A, asn(2, 2, { ...META, time: time + 3_600_000 }))
  assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
  bench.add(A, asn(2, 3, { ...META, time: time + 5_000 }))
  assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
  const again = await bench.again()
  assert.equal((await again.run(again.service.untilCaughtUp())).canCutover, true)
})

test('layers and views that were made at the source since the backup are named, but for those left out on purpose', async () => {
  const bench = await inSync(1)
  const fork = 'd'.repeat(32)
  bench.source.hiveLayers = [A, B]
  bench.source.views.set(fork, [B, A])
  const { canCutover, cutoverBlockers } = await bench.run(bench.service.ask())
  assert.equal(canCutover, false)
  assert.equal(cutoverBlockers.length, 2)
  assert.match(cutoverBlockers[0], new RegExp(`Layer ${B} of the source is not synced`))
  assert.match(cutoverBlockers[1], new RegExp(`View ${fork} of the source is not at the destination`))
  const skipping = await bench.again(() => {}, { skipLayers: [B] })
  assert.equal((await skipping.run(skipping.service.untilCaughtUp())).canCutover, true)
})
