import assert from 'node:assert/strict'
import { test } from 'node:test'
import { A, asn, Bench, META, range } from '../support/sync-bench.js'

/** Splices that no other call makes. */
function others(count: number, from: number, time: number) {
  return range(count, from).map((valu) => asn(valu, valu, { ...META, time }))
}

/** A layer with 30 splices in sync, its destination's copy from when it had 20, and all of it at rest. */
async function synced(): Promise<{ bench: Bench; restoreDest: () => void }> {
  const bench = new Bench()
  bench.add(A, ...others(20, 0, 1))
  await bench.start([A, 0])
  await bench.wait(30_000)
  const applied = [...(bench.dest.applied.get(A) ?? [])]
  const logged = [...(bench.dest.logged.get(A) ?? [])]
  for (let i = 0; i < 10; i++) {
    bench.add(A, ...others(1, 20 + i, 2 + i))
    await bench.wait(8_000)
  }
  await bench.wait(20_000)
  assert.equal(bench.durable.settled.get(A), 30)
  const restoreDest = () => {
    bench.dest.applied.set(A, [...applied])
    bench.dest.logged.set(A, [...logged])
  }
  return { bench, restoreDest }
}

test('a source that was put back to an older backup and has grown past our offset ends the layer, at each start', async () => {
  const { bench } = await synced()
  let next = await bench.again(() => {
    bench.log(A).splice(25)
    bench.add(A, ...others(40, 100, 50))
  })
  for (let starts = 0; starts < 3; starts++) {
    await next.wait(20_000)
    const { pullTask } = next.layer()
    assert.ok(pullTask.status === 'exception')
    assert.match(pullTask.message, /no longer holds what was read up to offset 30 \(up to offset 2\d it does\)/)
    const { canCutover, cutoverBlockers } = await next.run(next.service.ask())
    assert.equal(canCutover, false)
    assert.match(cutoverBlockers.join(), /does not run: The source's splice log no longer holds/)
    await assert.rejects(next.run(next.service.untilCaughtUp()), { code: 'ERR_SOURCE_CHANGED', hint: /migrate again/ })
    assert.ok(!next.values().includes(100))
    if (starts === 0) await next.run(next.service.startSyncFromLast())
    else next = await next.again()
  }
})

test('a source that is put back and grows while it is away for a moment ends the layer', async () => {
  const { bench } = await synced()
  bench.source.cut()
  bench.log(A).splice(25)
  bench.add(A, ...others(40, 100, 50))
  await bench.wait(20_000)
  assert.equal(bench.layer().pullTask.status, 'exception')
  assert.ok(!bench.values().includes(100))
})

test("an offset behind the end of the source's log ends the layer, also when the log has grown over it", async () => {
  const bench = new Bench()
  bench.add(A, asn(1))
  await bench.start([A, 5])
  await bench.wait(12_000)
  const { pullTask } = bench.layer()
  assert.ok(pullTask.status === 'exception')
  assert.match(pullTask.message, /ends before offset 5/)
  assert.equal((await bench.run(bench.service.ask())).canCutover, false)
  await assert.rejects(bench.run(bench.service.untilCaughtUp()), { code: 'ERR_SOURCE_CHANGED' })
  bench.add(A, ...others(10, 100, 7))
  await bench.run(bench.service.startSyncFromLast())
  await bench.wait(12_000)
  assert.equal(bench.layer().pullTask.status, 'exception')
  assert.deepEqual(bench.values(), [])
})

test('a destination that was put back to an older backup while the service was down gets everything again', async () => {
  const { bench, restoreDest } = await synced()
  const next = await bench.again(restoreDest)
  assert.equal((await next.run(next.service.untilCaughtUp())).canCutover, true)
  assert.deepEqual(new Set(next.values()), new Set(range(30)))
  // What is known of it is right again.
  const last = await next.again()
  await last.wait(20_000)
  assert.equal((await last.run(last.service.ask())).canCutover, true)
  assert.equal(last.values().length, next.values().length)
})

test('a destination that is put back while it is away for a moment gets everything again', async () => {
  const { bench, restoreDest } = await synced()
  bench.dest.cut()
  restoreDest()
  await bench.wait(30_000)
  assert.deepEqual(new Set(bench.values()), new Set(range(30)))
})

test('source and destination that were both put back go on from where both are the same', async () => {
  const { bench, restoreDest } = await synced()
  const next = await bench.again(() => {
    restoreDest()
    bench.log(A).splice(25)
    bench.add(A, ...others(40, 100, 50))
  })
  assert.equal((await next.run(next.service.untilCaughtUp())).canCutover, true)
  assert.deepEqual(new Set(next.values()), new Set([...range(25), ...range(40, 100)]))
})

test('a destination that was put back to an older backup and has grown past our index ends the layer, at each start', async () => {
  const { bench, restoreDest } = await synced()
  let next = await bench.again(() => {
    restoreDest()
    bench.dest.logged.get(A)?.push(...range(40, 1))
  })
  for (let starts = 0; starts < 3; starts++) {
    await next.wait(20_000)
    const { pushTask } = next.layer()
    assert.ok(pushTask.status === 'exception')
    assert.match(pushTask.message, /no longer holds what was written up to offset 30 \(up to offset 20 it does\)/)
    assert.equal((await next.run(next.service.ask())).canCutover, false)
    await assert.rejects(next.run(next.service.untilCaughtUp()), { code: 'ERR_DEST', hint: /migrate again/ })
    if (starts === 0) await next.run(next.service.startSyncFromLast())
    else next = await next.again()
  }
  // The way back: a backup that nobody else has changed.
  const last = await next.again(restoreDest)
  assert.equal((await last.run(last.service.untilCaughtUp())).canCutover, true)
  assert.deepEqual(new Set(last.values()), new Set(range(30)))
})

test('a destination that is put back and grows while it is away for a moment ends the layer', async () => {
  const { bench, restoreDest } = await synced()
  bench.dest.cut()
  restoreDest()
  bench.dest.logged.get(A)?.push(...range(40, 1))
  await bench.wait(30_000)
  assert.equal(bench.layer().pushTask.status, 'exception')
})

test('while changes come all the time, rows of the destination are asked for once in five seconds, as each costs a connection', async () => {
  const bench = new Bench({ pollS: 0.1 })
  let rows = 0
  bench.dest.digesting = () => {
    rows++
  }
  await bench.start([A, 0])
  await bench.wait(10_000)
  for (let i = 0; i < 600; i++) {
    bench.add(A, ...others(1, i, 2 + i))
    await bench.wait(100)
  }
  assert.ok(rows >= 8 && rows <= 15, `${rows} rows`)
  await bench.wait(30_000)
  const { offset, row } = bench.durable.anchors.get(A)?.at(-1) ?? {}
  assert.equal(offset, 600)
  assert.match(row ?? '', /^2\.0\.0 /)
})

test('a destination whose log others have only added to goes on', async () => {
  const { bench } = await synced()
  const next = await bench.again(() => bench.dest.logged.get(A)?.push(...range(40, 1)))
  bench.add(A, ...others(1, 90, 90))
  assert.equal((await next.run(next.service.untilCaughtUp())).canCutover, true)
  assert.deepEqual(new Set(next.values()), new Set([...range(30), 90]))
})

test('a destination that was upgraded and shows its log in another way goes on', async () => {
  const { bench } = await synced()
  const next = await bench.again(() => {
    bench.dest.version[1] = 8
    bench.dest.logged.set(A, range(40, 1))
  })
  await next.wait(20_000)
  assert.equal((await next.run(next.service.ask())).canCutover, true)
})

test('a destination that is older than the start of the sync ends the layer', async () => {
  const bench = await startedOnSeven()
  await bench.wait(30_000)
  const next = await bench.again(() => {
    putBack(bench, 3)
  })
  await next.wait(20_000)
  const { pushTask } = next.layer()
  assert.ok(pushTask.status === 'exception')
  assert.match(pushTask.message, /has lost edits .* from before the sync was started: its log of edits ends at 3/)
})

test('a destination that is put back to before the start of the sync while it is away for a moment ends the layer', async () => {
  const bench = await startedOnSeven()
  await bench.wait(30_000)
  bench.dest.cut()
  putBack(bench, 3)
  await bench.wait(30_000)
  const { pushTask } = bench.layer()
  assert.ok(pushTask.status === 'exception')
  assert.match(pushTask.message, /has lost edits .* from before the sync was started: its log of edits ends at 3/)
  assert.equal((await bench.run(bench.service.ask())).canCutover, false)
})

test('the same in the seconds after the service was started again, as what earlier runs left was committed long ago', async () => {
  const first = await startedOnSeven()
  await first.wait(30_000)
  const bench = await first.again()
  await bench.wait(2_000)
  bench.dest.cut()
  putBack(bench, 3)
  await bench.wait(30_000)
  const { pushTask } = bench.layer()
  assert.ok(pushTask.status === 'exception')
  assert.match(pushTask.message, /its log of edits ends at 3/)
  assert.equal((await bench.run(bench.service.ask())).canCutover, false)
})

test("an offset behind the end of the source's log ends the layer, although the connection is lost while the destination is compared", async () => {
  const bench = new Bench()
  bench.dest.logged.set(A, range(7))
  bench.add(A, ...others(5, 0, 1))
  let rows = 0
  bench.dest.digesting = () => {
    if (rows++ === 0) bench.dest.cutLayers()
  }
  await bench.start([A, 10])
  await bench.wait(60_000)
  assert.ok(rows > 0)
  assert.equal(bench.layer().pullTask.status, 'exception')
})

test('a destination that was put back and upgraded while the service was down gets everything again, although the connection is lost while it is compared', async () => {
  const { bench, restoreDest } = await synced()
  let rows = 0
  const again = await bench.again(() => {
    restoreDest()
    bench.dest.version[1] = 8
    bench.dest.digesting = () => {
      if (rows++ === 0) bench.dest.cutLayers()
    }
  })
  const { canCutover } = await again.run(again.service.untilCaughtUp())
  assert.ok(rows > 0)
  assert.equal(canCutover, true)
  for (const valu of range(30)) assert.ok(again.values().includes(valu), String(valu))
})

test('a destination that was upgraded, put back to an older backup and changed by others ends the layer', async () => {
  const { bench, restoreDest } = await synced()
  const upgraded = await bench.again(() => {
    bench.dest.version[1] = 8
  })
  assert.equal((await upgraded.run(upgraded.service.untilCaughtUp())).canCutover, true)
  const again = await upgraded.again(() => {
    restoreDest()
    const logged = bench.dest.logged.get(A) as number[]
    logged.push(...range(60, 1))
  })
  await again.wait(30_000)
  const { pushTask } = again.layer()
  assert.ok(pushTask.status === 'exception', pushTask.status)
  assert.match(pushTask.message, /no longer holds what was written up to offset 30/)
})

test('what is known of both is kept durably when the destination was put back, before anything is pushed again', async () => {
  const { bench } = await synced()
  const again = await bench.again(() => {
    bench.dest.logged.get(A)?.splice(9)
    bench.dest.applied.get(A)?.splice(9)
    bench.dest.storing = () => new Promise(() => {})
  })
  await again.wait(20_000)
  const settled = again.durable.settled.get(A) as number
  assert.ok(settled > 20 && settled < 30)
  assert.equal(again.durable.anchors.get(A)?.at(-1)?.offset, settled)
})

test('a destination that is killed in the seconds after the start, and loses what it had just acknowledged, goes on', async () => {
  const bench = await startedOnSeven()
  await bench.wait(2_000)
  bench.dest.cut()
  putBack(bench, 6)
  assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
  assert.deepEqual(bench.values(), range(10, 10))
})

test('a destination that is killed soon after the start goes on although its layer is cut off once more on the way back', async () => {
  for (let pauseMs = 0; pauseMs < 3_000; pauseMs += 50) {
    const bench = await startedOnSeven()
    await bench.wait(2_000)
    bench.dest.cut()
    putBack(bench, 6)
    await bench.wait(pauseMs)
    bench.dest.cutLayers()
    const { canCutover, cutoverBlockers } = await bench.run(bench.service.untilCaughtUp())
    assert.equal(canCutover, true, `after ${pauseMs} ms: ${cutoverBlockers.join()}`)
    assert.deepEqual(new Set(bench.values()), new Set(range(10, 10)))
  }
})

test('a service that is started again and again over hours pushes nothing twice, and remembers little', async () => {
  let bench = new Bench()
  await bench.start([A, 0])
  for (let i = 0; i < 60; i++) {
    bench.add(A, ...others(1, i, i))
    await bench.wait(20_000)
    if (i % 10 === 9) bench = await bench.again()
  }
  assert.deepEqual(bench.values(), range(60))
  const anchors = bench.durable.anchors.get(A) ?? []
  assert.ok(anchors.length > 8 && anchors.length <= 25, String(anchors.length))
  assert.equal(anchors[0].offset, 0)
  assert.equal(anchors.at(-1)?.offset, 60)
})

/** A sync from offset 10 to a destination whose log of edits has 7 rows. */
async function startedOnSeven(): Promise<Bench> {
  const bench = new Bench()
  bench.dest.logged.set(A, range(7))
  bench.add(A, ...others(20, 0, 1))
  await bench.start([A, 10])
  return bench
}

/** The destination has nothing that was pushed, and so many rows in its log of edits. */
function putBack({ dest }: Bench, rows: number): void {
  dest.applied.set(A, [])
  dest.logged.set(A, range(rows))
}
