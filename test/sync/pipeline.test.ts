import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isSourceUp } from '../../src/sync/status.js'
import { LinkDown, TelepathError } from '../../src/telepath/errors.js'
import { tempDir } from '../support/fixture.js'
import { modelDict, POISON, rawSplice } from '../support/sim-cortex.js'
import { A, asn, B, Bench, META, nope, range } from '../support/sync-bench.js'

test('LayerSyncs pushes the last splice too, and the offset is behind it', async () => {
  const bench = new Bench()
  bench.add(A, asn(1))
  await bench.start([A, 0])
  await bench.run(bench.service.untilCaughtUp())
  assert.deepEqual(bench.values(), [1])
  bench.add(A, asn(2))
  await bench.wait(12_000)
  assert.deepEqual(bench.values(), [1, 2])
  assert.equal(bench.durable.push.get(A), 2)
  assert.equal(bench.service.state().canCutover, true)
})

test('LayerSyncs starts the layers of the offsets file where it says', async () => {
  const offsfile = join(tempDir(), 'lyroffs.yaml')
  writeFileSync(offsfile, `---\n${A}:\n  created: 1\n  nextoffs: 2\n${B}:\n  nextoffs: 0\n...\n`)
  const bench = new Bench({ offsfile })
  bench.add(A, ...range(5).map((valu) => asn(valu)))
  assert.deepEqual(await bench.run(bench.service.startSyncFromFile()), [
    [A, 2],
    [B, 0],
  ])
  await bench.run(bench.service.untilCaughtUp())
  assert.deepEqual(bench.values(), [2, 3, 4])
  const { layers } = bench.service.state()
  assert.equal(
    layers.filter(({ pullTask, pushTask }) => pullTask.status === 'active' && pushTask.status === 'active').length,
    2,
  )
})

test('LayerSyncs stops, says which layers, and goes on from last', async () => {
  const bench = new Bench()
  bench.add(A, asn(1))
  assert.deepEqual(await bench.run(bench.service.startSyncFromLast()), [])
  await bench.start([A, 0], [B, 0])
  await bench.wait(16_000)
  assert.equal(bench.dest.migrationMode, true)
  assert.deepEqual((await bench.run(bench.service.stopSync())).sort(), [A, B])
  assert.equal(bench.dest.migrationMode, false)
  for (const { pullTask, pushTask } of bench.service.state().layers) {
    assert.deepEqual([pullTask.status, pushTask.status], ['cancelled', 'cancelled'])
  }
  assert.deepEqual(await bench.run(bench.service.stopSync()), [])
  bench.add(A, asn(2))
  assert.deepEqual(await bench.run(bench.service.startSyncFromLast()), [
    [A, 1],
    [B, 0],
  ])
  await bench.run(bench.service.untilCaughtUp())
  assert.deepEqual(bench.values(), [1, 2])
})

test('LayerSyncs loses nothing when it is stopped as soon as it was started, or has read', async () => {
  for (const ms of [0, 1, 2, 3, 5, 8, 13, 21]) {
    const bench = new Bench({ queueSize: 10 })
    bench.add(A, ...range(50).map((valu) => asn(valu, valu)))
    await bench.start([A, 0])
    if (ms > 0) await bench.wait(ms)
    await bench.run(bench.service.stopSync())
    const { pullTask, pushTask, queue, pushOffset } = bench.layer()
    assert.deepEqual([pullTask.status, pushTask.status], ['cancelled', 'cancelled'])
    assert.notEqual(queue?.finished, false)
    assert.equal(bench.values().length, pushOffset)
    bench.add(A, asn(50, 50))
    await bench.run(bench.service.startSyncFromLast())
    await bench.run(bench.service.untilCaughtUp())
    await bench.wait(4_000)
    assert.deepEqual(new Set(bench.values()), new Set(range(51)))
    assert.equal(bench.durable.push.get(A), 51)
  }
})

test('LayerSyncs stops although the destination is gone', async () => {
  const bench = new Bench()
  await bench.start([A, 0], [B, 0])
  bench.dest.stop()
  await bench.wait(8_000)
  assert.deepEqual((await bench.run(bench.service.stopSync())).sort(), [A, B])
})

test('LayerSyncs goes on by itself after a restart', async () => {
  const first = new Bench()
  await first.start([A, 0])
  first.add(A, asn(1))
  await first.wait(20_000)
  const second = await first.again(() => {
    assert.equal(first.dest.migrationMode, true)
    first.add(A, asn(2))
  })
  await second.wait(12_000)
  assert.deepEqual(second.values(), [1, 2])
})

test('LayerSyncs changes nothing when a start fails', async () => {
  const bench = new Bench()
  await bench.start([A, 0])
  await bench.run(bench.service.stopSync())
  const before = structuredClone(bench.durable)
  const refusals: [() => void, RegExp][] = [
    [() => bench.dest.stop(), /destination says: connection refused/],
    [
      () => {
        bench.dest.refusal = TelepathError.of('AuthDeny', { mesg: 'Invalid password' })
      },
      /destination says: AuthDeny/,
    ],
    [
      () => {
        bench.source.refusal = TelepathError.of('NoSuchUser', { user: 'x' })
      },
      /source says: NoSuchUser/,
    ],
    [() => bench.source.logs.delete(A), /source says: NoSuchLayer/],
    [
      () => {
        bench.dest.version[0] = 3
      },
      /version is 3\.0\.0, expected 0\.2\.x or 2\.x/,
    ],
    [
      () => {
        bench.dest.hasMigrationMode = false
      },
      /this release of the destination has none/,
    ],
    [
      () => {
        bench.dest.modelRefusal = TelepathError.of('BadModel', { mesg: 'broken' })
      },
      /destination says: BadModel/,
    ],
    [
      () => {
        bench.dest.denied = new Set(['mode', 'push'])
      },
      /destination says: AuthDeny: .*User is not an admin/,
    ],
  ]
  for (const [spoil, expected] of refusals) {
    spoil()
    await assert.rejects(bench.run(bench.service.startSyncFromLast()), expected)
    assert.deepEqual(bench.durable, before)
    assert.equal(bench.service.state().syncing, false)
    assert.equal(bench.dest.migrationMode, false)
    bench.dest.isUp = true
    bench.dest.refusal = null
    bench.dest.modelRefusal = null
    bench.source.refusal = null
    bench.source.logs.set(A, [])
    bench.dest.version[0] = 2
    bench.dest.hasMigrationMode = true
    bench.dest.denied = new Set()
  }
  await bench.run(bench.service.startSyncFromLast())
})

test('LayerSyncs waits until its users may read the source and write to the destination', async () => {
  const bench = new Bench({ errLim: 1 })
  bench.add(A, asn(1), asn(2, 2))
  bench.source.denied = new Set(['splices'])
  bench.dest.denied = new Set(['mode', 'push'])
  // The operator's own choice: who is no administrator cannot switch the mode, and need not.
  assert.match((await bench.run(bench.service.disableMigrationMode())) ?? '', /AuthDeny: .*User is not an admin/)
  await bench.start([A, 0])
  await bench.wait(60_000)
  assert.equal(bench.layer().pullStatus, 'auth_err')
  assert.match(bench.layer().notes.join(), /source cannot be read now: AuthDeny: .*layer\.lift/)
  bench.source.denied = new Set()
  await bench.wait(60_000)
  assert.match(bench.layer().notes.join(), /AuthDeny: .*User must have permission layer\.write/)
  const { errorCount, pushOffset, pushTask } = bench.layer()
  assert.deepEqual([bench.values(), errorCount, pushOffset, pushTask.status], [[], 0, 0, 'active'])
  bench.dest.denied = new Set(['mode'])
  await bench.run(bench.service.untilCaughtUp())
  assert.deepEqual([bench.values(), bench.layer().notes], [[1, 2], []])
})

test('LayerSyncs leaves no older value of a node behind when it ends while it applies errors again', async () => {
  for (const isKilled of [false, true]) {
    const bench = new Bench()
    bench.add(A, asn(0, 2), nope(), ...range(60).map((valu) => asn(valu)))
    await bench.start([A, 0])
    await bench.run(bench.service.untilCaughtUp())
    assert.deepEqual([bench.values().at(-1), bench.store.settledOffset(A)], [59, 62])
    const retried = bench.service.retryErrors().catch(() => {})
    while (bench.values().at(-1) !== 30) await bench.wait(1)
    if (isKilled) bench.process.kill()
    else await bench.run(bench.service.stopSync().then(() => retried))
    bench.source.cut()
    bench.dest.cut()
    const next = new Bench({}, bench.durable, bench)
    if (!isKilled) await next.run(next.service.startSyncFromLast())
    const { cutoverBlockers } = await next.run(next.service.untilCaughtUp())
    assert.deepEqual([next.values().at(-1), cutoverBlockers], [59, [`Layer ${A} has 1 open error`]])
    assert.deepEqual(await next.run(next.service.retryErrors()), { applied: 0, failed: 1 })
    assert.equal(next.store.settledOffset(A), 62)
  }
})

test('LayerSyncs continues with both Cortexes gone for a while', async () => {
  const bench = new Bench()
  bench.add(A, asn(1))
  await bench.start([A, 0], [B, 0])
  await bench.wait(20_000)
  bench.source.stop()
  bench.dest.stop()
  await bench.wait(120_000)
  for (const { pullTask, pushTask, queue } of bench.service.state().layers) {
    assert.deepEqual([pullTask.status, pushTask.status, queue?.finished], ['active', 'active', false])
  }
  bench.source.isUp = true
  bench.dest.isUp = true
  bench.add(A, asn(2, 2))
  bench.add(B, asn(3))
  await bench.wait(60_000)
  assert.deepEqual([bench.values(A), bench.values(B)], [[1, 2], [3]])
  assert.equal(bench.dest.migrationMode, true)
})

test('LayerSyncs waits for a source that is away', async () => {
  const bench = new Bench()
  bench.source.stop()
  await bench.start([A, 0])
  await bench.wait(12_000)
  assert.equal(bench.layer().pullStatus, 'connect_err')
  bench.source.isUp = true
  bench.add(A, asn(1))
  await bench.wait(35_000)
  assert.deepEqual(bench.values(), [1])
  assert.deepEqual(bench.layer().notes, [])
})

test('LayerSyncs puts node edits of equal meta into one push, in order, and never two at once', async () => {
  const bench = new Bench()
  bench.add(A, ...range(3_000).map((valu) => asn(valu, valu % 50)))
  bench.add(A, asn(3_000, 1, { ...META, time: 7 }))
  await bench.start([A, 0])
  await bench.run(bench.service.untilCaughtUp())
  assert.deepEqual(bench.values(), range(3_001))
  assert.ok(bench.dest.pushes < 50, `${bench.dest.pushes} pushes`)
  assert.equal(bench.dest.mostPushesAtOnce, 1)
  assert.deepEqual(bench.dest.applied.get(A)?.at(-1)?.meta.get('time'), 7)
})

test('LayerSyncs keeps no more than queueSize splices in memory', async () => {
  for (const queueSize of [1, 2, 11, 100]) {
    const bench = new Bench({ queueSize })
    bench.add(A, ...range(120).map((valu) => asn(valu, valu)))
    await bench.start([A, 0])
    let most = 0
    const done = bench.service.untilCaughtUp()
    let isDone = false
    void done.then(() => {
      isDone = true
    })
    while (!isDone) {
      await bench.wait(20)
      most = Math.max(most, bench.layer().queue?.length ?? 0)
    }
    assert.ok(most > 0 && most <= queueSize, `${most} of ${queueSize}`)
    assert.deepEqual(bench.values(), range(120))
  }
})

test('a layer says which side does not answer, and that it does again', async () => {
  const bench = new Bench()
  bench.add(A, asn(1))
  await bench.start([A, 0])
  const up = () => [isSourceUp(bench.layer()), bench.layer().destUp]
  await bench.wait(30_000)
  assert.deepEqual(up(), [true, true])
  for (const [side, wanted] of [
    [bench.source, [false, true]],
    [bench.dest, [true, false]],
  ] as const) {
    side.isUp = false
    side.cut()
    await bench.wait(20_000)
    assert.deepEqual(up(), wanted)
    side.isUp = true
    await bench.wait(120_000)
    assert.deepEqual(up(), [true, true])
  }
  await bench.run(bench.service.stopSync())
  assert.deepEqual(up(), [false, false])
})

test('LayerSyncs pushes again what had an unknown outcome, before and after it was applied', async () => {
  for (const outcome of ['lost', 'applied']) {
    const bench = new Bench()
    bench.add(A, asn(1), asn(2, 2, { ...META, time: 8 }))
    const call = bench.dest.call.bind(bench.dest)
    let cuts = 1
    bench.dest.call = async (link, peer, effect) => {
      if (bench.dest.pushes !== 2 || cuts-- <= 0) return call(link, peer, effect)
      if (outcome === 'applied') effect()
      bench.dest.cut()
      throw new LinkDown('cut')
    }
    await bench.start([A, 0])
    await bench.run(bench.service.untilCaughtUp())
    assert.deepEqual(bench.values(), outcome === 'applied' ? [1, 2, 1, 2] : [1, 1, 2])
    assert.equal(bench.layer().errorCount, 0)
  }
})

test('LayerSyncs drops only the splice that cannot be stored or translated, recorded at its offset', async () => {
  const bench = new Bench()
  bench.add(A, asn(0), asn(POISON), asn(2), nope(), asn(4), asn(5, 2), asn(POISON, 3), asn(7, 4))
  await bench.start([A, 0])
  await bench.run(bench.service.untilCaughtUp())
  await bench.wait(4_000)
  assert.deepEqual(new Set(bench.values()), new Set([0, 2, 4, 5, 7]))
  const errors = bench.service.errors(A)
  assert.deepEqual(
    errors.map(({ offset, endOffset }) => [offset, endOffset]),
    [
      [1, 2],
      [3, 4],
      [6, 7],
    ],
  )
  assert.match(errors[0].message, /cannot store the edit: SynErr: .*poisoned/)
  assert.equal(errors[1].message, 'Unable to determine stortype type for prop inet:ipv4:nope')
  assert.deepEqual(Buffer.from(errors[1].splices[0]), Buffer.from(nope()))
  assert.ok(errors[0].nodeedits !== null && errors[0].meta !== null)
  assert.equal(bench.durable.push.get(A), 8)
  const { canCutover, cutoverBlockers } = bench.service.state()
  assert.equal(canCutover, false)
  assert.deepEqual(cutoverBlockers, [`Layer ${A} has 3 open errors`])
})

test('LayerSyncs survives splices that are none', async () => {
  const bench = new Bench()
  bench.add(A, asn(0), rawSplice('node:add', 'bar', {}, META), Uint8Array.of(0xc1), asn(3))
  await bench.start([A, 0])
  await bench.run(bench.service.untilCaughtUp())
  assert.deepEqual(bench.values(), [0, 3])
  assert.deepEqual(
    bench.service.errors().map(({ offset }) => offset),
    [1, 2],
  )
})

test('LayerSyncs ends a layer at the limit of errors and tries them again at the next start', async () => {
  const bench = new Bench({ errLim: 3 })
  const isBad = (valu: number) => valu >= 5 && valu <= 7
  bench.add(A, ...range(30).map((valu) => (isBad(valu) ? nope('late') : asn(valu, valu))))
  await bench.start([A, 0])
  await assert.rejects(bench.run(bench.service.untilCaughtUp()), /Error limit reached/)
  await bench.wait(4_000)
  assert.equal(bench.layer().errorCount, 3)
  const { pullTask, pushTask, pullStatus } = bench.layer()
  assert.equal(pullTask.status, 'cancelled')
  assert.equal(pullStatus, 'stopped')
  assert.ok(pushTask.status === 'exception' && pushTask.message.startsWith('Error limit reached'))
  assert.equal(bench.durable.push.get(A), 7)

  bench.dest.model = modelDict({ 'inet:ipv4': { asn: 9, late: 9 } })
  bench.dest.applied.set(A, [])
  await bench.run(bench.service.startSyncFromLast())
  await bench.run(bench.service.untilCaughtUp())
  await bench.wait(4_000)
  assert.equal(bench.layer().errorCount, 0)
  assert.deepEqual(bench.values().slice(-25), [1, 1, 1, ...range(22, 8)])
})

test('LayerSyncs does not restart a layer by itself that the limit has ended', async () => {
  const first = new Bench({ errLim: 1 })
  first.add(A, asn(0), nope())
  await first.start([A, 0])
  await first.wait(20_000)
  await first.run(first.service.close())
  const second = new Bench({ errLim: 1 }, first.durable)
  await second.wait(20_000)
  const { pushTask } = second.layer()
  assert.ok(pushTask.status === 'exception' && pushTask.message.startsWith('Error limit reached at offset 1'))
  await assert.rejects(second.run(second.service.untilCaughtUp()), /does not run/)
})

test('retryErrors() applies errors again, and later splices of their nodes behind them', async () => {
  for (const isRunning of [true, false]) {
    const bench = new Bench()
    const late = rawSplice('prop:set', ['inet:ipv4', 1], { prop: 'late', valu: 1 }, META)
    const later = rawSplice('prop:set', ['inet:ipv4', 1], { prop: 'asn', valu: 2 }, META)
    bench.add(A, asn(0, 9), late, later, asn(3, 9), nope())
    await bench.start([A, 0])
    await bench.run(bench.service.untilCaughtUp())
    await bench.wait(4_000)
    if (!isRunning) await bench.run(bench.service.stopSync())
    assert.equal(bench.layer().errorCount, 2)
    bench.dest.model = modelDict({ 'inet:ipv4': { asn: 9, late: 9 } })
    bench.dest.applied.set(A, [])
    assert.deepEqual(await bench.run(bench.service.retryErrors()), { applied: 1, failed: 1 })
    assert.deepEqual(bench.values(), [1, 2])
    assert.deepEqual(
      bench.service.errors().map(({ offset }) => offset),
      [4],
    )
    assert.equal(bench.dest.migrationMode, isRunning)
    assert.equal(bench.dest.pushedWithoutMigrationMode, 0)
  }
})

test('LayerSyncs looks for an unknown prop in a newer model before it is an error', async () => {
  const bench = new Bench()
  await bench.start([A, 0])
  await bench.wait(20_000)
  bench.dest.model = modelDict({ 'inet:ipv4': { asn: 9, fresh: 9 }, 'fresh:form': { asn: 9 } }, { risk: 9 })
  bench.add(A, nope('fresh'), rawSplice('node:add', ['fresh:form', 5], {}, META))
  bench.add(A, rawSplice('tag:prop:set', ['inet:ipv4', 1], { tag: 't', prop: 'risk', valu: 5, curv: null }, META))
  await bench.wait(10_000)
  assert.equal(bench.layer().errorCount, 0)
  assert.equal(bench.values().length, 3)
  const reads = bench.dest.modelReads
  bench.add(A, ...range(500).map(() => nope('never')))
  await bench.wait(20_000)
  assert.equal(bench.layer().errorCount, 500)
  assert.ok(bench.dest.modelReads - reads <= 2, `${bench.dest.modelReads - reads} reads`)
})

test("LayerSyncs adds the source's model extensions before an edit needs them", async () => {
  const extended = modelDict({ 'inet:ipv4': { asn: 9, _ext: 9, '._uni': 9 } }, { risk: 9 }, false)
  const splices = [
    nope('_ext'),
    nope('._uni'),
    rawSplice('tag:prop:set', ['inet:ipv4', 1], { tag: 't', prop: 'risk', valu: 5, curv: null }, META),
  ]
  for (const modelSync of ['add', 'off'] as const) {
    const bench = new Bench({ modelSync })
    await bench.start([A, 0])
    bench.source.model = extended
    bench.add(A, ...splices)
    await bench.wait(20_000)
    assert.equal(bench.layer().errorCount, modelSync === 'add' ? 0 : 3, modelSync)
    const told = bench.service.state().notCarried.filter((note) => note.includes('extension'))
    assert.deepEqual(told.length, modelSync === 'off' ? 3 : 0, modelSync)
  }
})

test('LayerSyncs deletes the tag props of a deleted tag', async () => {
  const bench = new Bench()
  bench.dest.model = modelDict({ 'inet:ipv4': { asn: 9 } }, { risk: 9, note: 1 })
  bench.add(A, rawSplice('tag:del', ['inet:ipv4', 1], { tag: 'foo', valu: [null, null] }, META))
  await bench.start([A, 0])
  await bench.run(bench.service.untilCaughtUp())
  const [{ edits }] = bench.dest.applied.get(A) ?? []
  assert.deepEqual(edits, [
    [7, ['foo', 'note', null, 1], []],
    [7, ['foo', 'risk', null, 9], []],
    [5, ['foo', [null, null]], []],
  ])
})

test('LayerSyncs enables migration mode again when the destination has been restarted while nothing came', async () => {
  const bench = new Bench()
  await bench.start([A, 0])
  await bench.wait(20_000)
  bench.dest.restart()
  assert.equal(bench.dest.migrationMode, false)
  await bench.wait(12_000)
  assert.equal(bench.dest.migrationMode, true)
})

test("LayerSyncs follows the operator's override of the migration mode", async () => {
  const bench = new Bench()
  assert.equal(await bench.run(bench.service.enableMigrationMode()), null)
  assert.equal(bench.dest.migrationMode, true)
  await bench.start([A, 0])
  await bench.run(bench.service.stopSync())
  assert.equal(bench.dest.migrationMode, true)
  assert.equal(await bench.run(bench.service.disableMigrationMode()), null)
  await bench.run(bench.service.startSyncFromLast())
  assert.equal(bench.dest.migrationMode, false)
  assert.equal(await bench.run(bench.service.automaticMigrationMode()), null)
  assert.equal(bench.dest.migrationMode, true)
  assert.equal(bench.durable.override, null)
})

test('LayerSyncs returns the text of a migration mode that cannot be switched', async () => {
  const bench = new Bench()
  bench.dest.stop()
  const text = await bench.run(bench.service.enableMigrationMode())
  assert.equal(text, 'Enabling migration mode on dest cortex encountered an error: connection refused')
  assert.match(
    (await bench.run(bench.service.disableMigrationMode())) ?? '',
    /^Disabling migration mode on dest cortex/,
  )
})

test('LayerSyncs goes on without migration mode only when told to', async () => {
  const bench = new Bench({ noMigrationMode: true })
  bench.dest.hasMigrationMode = false
  bench.add(A, asn(1))
  await bench.start([A, 0])
  await bench.run(bench.service.untilCaughtUp())
  assert.deepEqual(bench.values(), [1])
  assert.match(bench.service.state().migrationModeError ?? '', /NoSuchMeth/)
})

test('LayerSyncs pushes again what a killed destination had acknowledged and not committed', async () => {
  for (const hasEditIndex of [true, false]) {
    const bench = new Bench()
    bench.dest.hasEditIndex = hasEditIndex
    bench.add(A, ...range(10).map((valu) => asn(valu, valu)))
    await bench.start([A, 0])
    await bench.wait(20_000)
    assert.equal(bench.durable.settled.get(A), 10)
    bench.add(A, ...range(10, 10).map((valu) => asn(valu, valu)))
    while (bench.values().length < 20) await bench.wait(1)
    bench.dest.commitMs = 400
    bench.dest.restart()
    assert.ok(bench.values().length < 20)
    await bench.wait(20_000)
    assert.deepEqual(new Set(bench.values()), new Set(range(20)))
    assert.equal(bench.durable.push.get(A), 20)
  }
})

test('LayerSyncs does not apply what a killed source has lost', async () => {
  const bench = new Bench()
  bench.add(A, ...range(5).map((valu) => asn(valu, valu)))
  await bench.start([A, 0])
  await bench.wait(10_000)
  bench.add(A, asn(5), asn(6), asn(7))
  await bench.wait(2_500)
  const { pullOffset } = bench.layer()
  assert.equal(pullOffset, 8)
  bench.log(A).splice(6)
  bench.source.restart()
  bench.add(A, asn(60, 9))
  await bench.wait(40_000)
  assert.deepEqual(bench.values(), [...range(6), 60])
  assert.equal(bench.durable.push.get(A), 7)
})

test('LayerSyncs pushes nothing again when only connections were lost long after', async () => {
  const bench = new Bench()
  bench.add(A, ...range(10).map((valu) => asn(valu, valu)))
  await bench.start([A, 0])
  await bench.wait(30_000)
  bench.dest.cut()
  await bench.wait(20_000)
  assert.deepEqual(bench.values(), range(10))
})

test('LayerSyncs never takes a refused push for an error of the data', async () => {
  for (const name of ['AuthDeny', 'IsFini', 'NoSuchLayer']) {
    const bench = new Bench()
    bench.add(A, asn(1), asn(2, 2))
    const call = bench.dest.call.bind(bench.dest)
    let refusals = 3
    bench.dest.call = async (link, peer, effect) => {
      if (bench.dest.pushes > 0 && refusals-- > 0) throw TelepathError.of(name, { mesg: 'no' })
      return call(link, peer, effect)
    }
    await bench.start([A, 0])
    await bench.run(bench.service.untilCaughtUp())
    assert.deepEqual([bench.values(), bench.layer().errorCount], [[1, 2], 0])
  }
})

test('LayerSyncs shows the tip of the source and the lag while it catches up', async () => {
  const bench = new Bench({ queueSize: 100 })
  const time = bench.clock.now() - 60_000
  bench.add(A, ...range(12_345).map((valu) => asn(valu, valu, { ...META, time })))
  bench.dest.faults = { ...bench.dest.faults, slowMs: 100 }
  await bench.start([A, 0])
  await bench.wait(8_000)
  const { sourceTip, lagSplices, lagSeconds, pushOffset, rate } = bench.layer()
  assert.equal(sourceTip, 12_345)
  assert.equal(lagSplices, 12_345 - pushOffset)
  assert.ok(lagSeconds !== null && lagSeconds >= 60)
  assert.ok(rate > 0)
})

test('startSyncFromFile() on a running layer moves it without mixing old and new', async () => {
  const offsfile = join(tempDir(), 'lyroffs.yaml')
  writeFileSync(offsfile, `${A}: {nextoffs: 1}\n`)
  const bench = new Bench({ offsfile, queueSize: 10 })
  bench.add(A, ...range(200).map((valu) => asn(valu, valu)))
  await bench.start([A, 0], [B, 0])
  await bench.wait(20_000)
  const before = bench.values()
  assert.ok(before.length > 0 && before.length < 200)
  await bench.run(bench.service.startSyncFromFile())
  await bench.run(bench.service.untilCaughtUp())
  const at = bench.values().indexOf(1, Math.max(2, before.length - 10))
  assert.ok(at > 0)
  assert.deepEqual(bench.values().slice(at), range(199, 1))
  assert.equal(bench.layer(B).pullTask.status, 'active')
})

test('startSyncFromFile() forgets errors, and leaves a running layer alone when the file is broken', async () => {
  const offsfile = join(tempDir(), 'lyroffs.yaml')
  writeFileSync(offsfile, `${A}: {nextoffs: many}\n`)
  const bench = new Bench({ offsfile })
  bench.add(A, asn(0), nope())
  await bench.start([A, 0])
  await bench.run(bench.service.untilCaughtUp())
  await bench.wait(4_000)
  await assert.rejects(bench.run(bench.service.startSyncFromFile()), /lyroffs\.yaml/)
  const { errorCount, pullTask, pushTask } = bench.layer()
  assert.deepEqual([errorCount, pullTask.status, pushTask.status], [1, 'active', 'active'])
  writeFileSync(offsfile, `${A}: {nextoffs: 2}\n`)
  await bench.run(bench.service.startSyncFromFile())
  assert.equal(bench.layer().errorCount, 0)
})
