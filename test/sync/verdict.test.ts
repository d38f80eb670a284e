import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { printable } from '../../src/bytes/printable.js'
import { metricsText } from '../../src/sync/http/metrics.js'
import { statusPage } from '../../src/sync/http/page.js'
import { notLookedAt } from '../../src/sync/not-looked-at.js'
import { stateJson } from '../../src/sync/status.js'
import { LinkDown, TelepathError } from '../../src/telepath/errors.js'
import { tempDir } from '../support/fixture.js'
import { rawSplice } from '../support/sim-cortex.js'
import { A, asn, B, Bench, META, nope } from '../support/sync-bench.js'

test('ask() says no for a splice that came after the last poll, and yes when the destination has it', async () => {
  const bench = new Bench({ pollS: 60 })
  await bench.start([A, 0], [B, 0])
  await bench.wait(120_000)
  const before = await bench.run(bench.service.ask())
  assert.deepEqual([before.canCutover, before.cutoverBlockers], [true, []])
  bench.add(B, asn(1))
  const askedAt = bench.clock.now()
  const { canCutover, cutoverBlockers, polledAt } = await bench.run(bench.service.ask())
  assert.equal(canCutover, false)
  assert.match(cutoverBlockers.join(), /1 splice is not acknowledged/)
  assert.ok(polledAt !== null && polledAt >= askedAt)
  await bench.run(bench.service.untilCaughtUp())
  assert.deepEqual(bench.values(B), [1])
  assert.equal((await bench.run(bench.service.ask())).canCutover, true)
})

test('ask() says no when it could not look for layers, views and other connections', async () => {
  const bench = new Bench()
  await bench.start([A, 0])
  await bench.wait(20_000)
  for (const cortex of [bench.source, bench.dest]) {
    cortex.answering = (method) => {
      if (method === 'getDmonSessions' || method === 'listHiveKey') throw new LinkDown('lost the request')
    }
    const { canCutover, cutoverBlockers } = await bench.run(bench.service.ask())
    assert.equal(canCutover, false)
    assert.match(cutoverBlockers.join(), /could not be looked for since you asked/)
    cortex.answering = () => {}
    assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
  }
})

test('every answer says what was not looked at, in the same words', async () => {
  const bench = new Bench()
  await bench.start([A, 0], [B, 0])
  await bench.wait(20_000)
  const quiet = (await bench.run(bench.service.ask())).notLookedAt
  assert.match(quiet[0], /^Whether splices are on .* cannot be asked for, and none has come since 2020.*ask again$/)
  assert.match(quiet.join(), /Node data is not looked at/)
  assert.match(quiet.join(), /log of edits of 2 layers \(a+ and others\) is off or empty/)
  bench.add(A, asn(1))
  bench.add(B, asn(2))
  await bench.wait(20_000)
  const state = await bench.run(bench.service.ask())
  assert.equal(state.canCutover, true)
  assert.match(state.notLookedAt[0], /^Splices are on at the source .* since 2020/)
  assert.doesNotMatch(state.notLookedAt.join(), /log of edits/)
  // A restart may have switched them off.
  bench.source.restart()
  await bench.wait(20_000)
  assert.match((await bench.run(bench.service.ask())).notLookedAt[0], /^Whether splices are on/)
  bench.dest.answering = (method) => {
    if (method === 'getDmonSessions') throw TelepathError.of('AuthDeny', { mesg: 'not an admin' })
  }
  const { notLookedAt, unseen } = await bench.run(bench.service.ask())
  assert.match(notLookedAt.join(), /Cannot tell whether anybody else writes to the destination: .*not an admin/)
  const json = stateJson({ ...state, notLookedAt })
  assert.deepEqual(json.not_looked_at, notLookedAt)
  const page = statusPage({ ...state, notLookedAt })
  for (const text of notLookedAt) assert.ok(page.includes(`<li>${text.replaceAll("'", '&#39;')}</li>`), text)
  // Texts have times in them, which would make a new series each time that a Cortex connects.
  const metrics = metricsText({ ...state, unseen: [...unseen, ...unseen] })
  const series = metrics.split('\n').filter((line) => line.includes('not_looked_at{'))
  const keys = ['splices', 'node_data', 'equality', 'other_connections']
  assert.deepEqual(
    series,
    keys.map((key) => `synapse_migrator_sync_not_looked_at{what="${key}"} 1`),
  )
})

test('a destination whose log of edits is off is one of which that is said, and what it loses is pushed again', async () => {
  const bench = new Bench()
  bench.dest.logsEdits = false
  bench.add(A, asn(1), asn(2))
  await bench.start([A, 0])
  await bench.wait(30_000)
  assert.match((await bench.run(bench.service.ask())).notLookedAt.join(), /log of edits of layer a+ is off or empty/)
  bench.add(A, asn(3))
  await bench.wait(4_000)
  bench.dest.commitMs = 60_000
  bench.dest.restart()
  await bench.wait(30_000)
  assert.ok(bench.values().includes(3))
})

test('what is read again, as the destination has lost it, is no sign that splices are on', async () => {
  const bench = new Bench()
  bench.add(A, asn(1), asn(2), asn(3))
  await bench.start([A, 0])
  await bench.wait(3_500)
  bench.dest.commitMs = 60_000
  bench.dest.restart()
  await bench.wait(30_000)
  assert.ok(bench.dest.pushes > 1)
  assert.match((await bench.run(bench.service.ask())).notLookedAt[0], /^Whether splices are on/)
  bench.add(A, asn(4))
  await bench.wait(30_000)
  assert.match((await bench.run(bench.service.ask())).notLookedAt[0], /^Splices are on/)
})

test('that no splice has come is said of the time since which all layers are connected', () => {
  const links = [1_000_000, 2_000_000, null].map((connectedAt) => ({ connectedAt, isChanged: false }))
  const textOf = (each: typeof links) =>
    notLookedAt({ links: each, blindLayers: [], isModeOff: false, troubles: [] })[0].text
  assert.match(textOf(links), /none has come since 1970\/01\/01 00:33:20/)
  const changed = links.map((link) => ({ ...link, isChanged: link.connectedAt !== null }))
  assert.match(textOf(changed), /since 1970\/01\/01 00:16:40/)
})

test('a destination that was not compared yet is not said to have its log of edits off', async () => {
  const bench = new Bench()
  bench.dest.logged.set(A, [1, 2, 3])
  await bench.run(bench.store.startLayers([[A, 0]], true))
  bench.dest.isUp = true
  const started = bench.service.startSyncFromLast()
  await bench.run(started)
  bench.dest.stop()
  await bench.wait(1_000)
  assert.doesNotMatch(bench.service.state().notLookedAt.join(), /log of edits/)
  bench.dest.logged.set(A, [])
  bench.dest.isUp = true
  await bench.wait(60_000)
  assert.match(bench.service.state().notLookedAt.join(), /log of edits of layer a+ is off or empty/)
})

test('an answer that comes after that to a later question is not taken for the newer one', async () => {
  const bench = new Bench()
  for (const cortex of [bench.source, bench.dest]) cortex.views.set('c'.repeat(32), [A])
  bench.source.hiveLayers = [A]
  await bench.start([A, 0])
  await bench.wait(20_000)
  bench.dest.faults = { ...bench.dest.faults, random: () => 0.5, slowMs: 4_000 }
  // The sessions, then the views: this one's last answer is under way when the next is asked.
  const first = bench.service.ask()
  await bench.wait(4_500)
  bench.source.hiveLayers = [A, B]
  bench.dest.faults = { ...bench.dest.faults, slowMs: 10 }
  const second = bench.service.ask()
  const { cutoverBlockers } = await bench.run(second)
  assert.match(cutoverBlockers.join(), /Layer b+ of the source is not synced/)
  await bench.run(first)
  const { canCutover } = bench.service.state()
  assert.equal(canCutover, false)
})

test('a connection of ours that is being made is not taken for that of a second service', async () => {
  const first = new Bench()
  await first.start([A, 0])
  assert.equal((await first.run(first.service.untilCaughtUp())).canCutover, true)
  const [ours] = first.dest.layerLinks
  const second = new Bench({}, undefined, first)
  await second.start([A, 0])
  await second.wait(20_000)
  assert.equal(first.dest.layerLinks.size, 2)
  const slow = { random: () => 0.5, slowMs: 2_000 }
  first.source.faults = { ...first.source.faults, ...slow }
  first.dest.faults = { ...first.dest.faults, ...slow }
  const asked = first.service.ask()
  await first.wait(500)
  ours.fail(new LinkDown('cut'))
  const { canCutover, cutoverBlockers } = await first.run(asked)
  assert.equal(canCutover, false, cutoverBlockers.join())
  const later = await first.run(first.service.untilCaughtUp())
  assert.match(later.cutoverBlockers.join(), /1 other connection has a layer of the destination open/)
})

test('what a Cortex says in an error cannot look like another line', async () => {
  const lie = 'No\nReady to cut over: \u001b[2Jall is well'
  const bench = new Bench()
  bench.add(A, rawSplice('node:add', [lie, 1], {}, META))
  await bench.start([A, 0], [B, 0])
  await bench.wait(20_000)
  bench.source.refusal = TelepathError.of(lie, { [lie]: lie })
  bench.source.cut()
  await bench.wait(10_000)
  const { cutoverBlockers } = await bench.run(bench.service.ask())
  const errors = bench.service.errors().map(({ message }) => message)
  assert.equal(errors.length, 1)
  for (const text of [...cutoverBlockers, ...errors]) assert.equal(text, printable(text))
  assert.match(cutoverBlockers.join(), /cannot be read now: No\\x0aReady/)
})

test('ask() says no while the source does not answer, and does not wait for it forever', async () => {
  const bench = new Bench()
  await bench.start([A, 0])
  await bench.wait(20_000)
  bench.source.faults = { ...bench.source.faults, random: () => 0.99, slowMs: 300_000 }
  const { canCutover, cutoverBlockers } = await bench.run(bench.service.ask())
  assert.equal(canCutover, false)
  assert.deepEqual(cutoverBlockers, [`Layer ${A}: not checked against the source since you asked`])
})

test('a source that is gone is one blocker, not two for each layer', async () => {
  const bench = new Bench()
  await bench.start([A, 0], [B, 0])
  await bench.wait(20_000)
  bench.source.stop()
  await bench.wait(5_000)
  const { cutoverBlockers } = await bench.run(bench.service.ask())
  assert.deepEqual(cutoverBlockers, ['All 2 layers: The source cannot be read now: connection refused'])
})

test('untilCaughtUp() wants all layers in sync at the same moment', async () => {
  const bench = new Bench()
  await bench.start([A, 0], [B, 0])
  await bench.wait(20_000)
  bench.source.denied = new Set(['splices'])
  bench.source.cut()
  await bench.wait(10_000)
  // B cannot be read yet, and A changes until then: that A was in sync before is of no use.
  const splices = [asn(1), asn(2), asn(3)]
  const done = bench.service.untilCaughtUp()
  let isDone = false
  void done.then(() => {
    isDone = true
  })
  await bench.wait(5_000)
  assert.equal(isDone, false)
  bench.add(A, ...splices)
  bench.source.denied = new Set()
  const state = await bench.run(done)
  assert.equal(state.canCutover, true)
  assert.deepEqual(bench.values(), [1, 2, 3])
})

test('ask() says no until the destination has surely committed what it has acknowledged', async () => {
  const bench = new Bench()
  await bench.start([A, 0])
  bench.add(A, asn(1))
  while (bench.values().length === 0) await bench.wait(100)
  const { canCutover, blockers } = await bench.run(bench.service.ask())
  assert.deepEqual([bench.values(), bench.store.settledOffset(A), canCutover], [[1], 0, false])
  const text = `Layer ${A}: the destination may not have all changes on its disk yet; this takes up to ten seconds after the last one`
  assert.deepEqual(blockers, [{ text, passes: true }])
  assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
  assert.equal(bench.store.settledOffset(A), 1)
})

test('migration mode that a command holds on keeps from cutting over, and one that is held off is told', async () => {
  const bench = new Bench()
  await bench.start([A, 0])
  await bench.run(bench.service.enableMigrationMode())
  const { canCutover, cutoverBlockers } = await bench.run(bench.service.untilCaughtUp())
  assert.equal(canCutover, false)
  assert.match(cutoverBlockers.join(), /^A command holds migration mode on, so triggers and cron jobs .* stay off/)
  await bench.run(bench.service.disableMigrationMode())
  const held = await bench.run(bench.service.untilCaughtUp())
  assert.deepEqual([held.canCutover, held.unseen.some(({ key }) => key === 'triggers')], [true, true])
  await bench.run(bench.service.automaticMigrationMode())
  const free = await bench.run(bench.service.untilCaughtUp())
  assert.deepEqual([free.canCutover, free.unseen.some(({ key }) => key === 'triggers')], [true, false])
})

test('untilCaughtUp() ends with what waiting does not cure', async () => {
  const bench = new Bench()
  bench.add(A, asn(1), nope())
  await bench.start([A, 0])
  const { canCutover, cutoverBlockers } = await bench.run(bench.service.untilCaughtUp())
  assert.equal(canCutover, false)
  assert.deepEqual(cutoverBlockers, [`Layer ${A} has 1 open error`])
})

test('untilCaughtUp() does not wait for a layer of an earlier start that was not started again', async () => {
  const bench = new Bench()
  await bench.run(bench.store.startLayers([[B, 0]], true))
  const offsfile = join(tempDir(), 'lyroffs.yaml')
  writeFileSync(offsfile, `${A}: {nextoffs: 0}\n`)
  for (const isShown of [false, true]) {
    const next = new Bench({ offsfile }, bench.durable, bench)
    await next.run(next.service.startSyncFromFile())
    if (isShown) next.service.state()
    const { blockers } = await next.run(next.service.untilCaughtUp(), 60_000)
    assert.deepEqual(blockers, [
      { text: `Layer ${B} does not run`, passes: false },
      { text: `Layer ${B}: an unknown number of splices are not acknowledged by the destination`, passes: false },
    ])
    await next.run(next.service.stopSync())
  }
})

test('untilCaughtUp() fails when a layer ends meanwhile, with what to do', async () => {
  const bench = new Bench({ errLim: 1 })
  bench.add(A, asn(1), nope())
  await bench.start([A, 0], [B, 0])
  await assert.rejects(bench.run(bench.service.untilCaughtUp()), { code: 'ERR_ERROR_BUDGET', message: /Error limit/ })
  const { canCutover, cutoverBlockers } = await bench.run(bench.service.ask())
  assert.equal(canCutover, false)
  assert.match(cutoverBlockers.join(), new RegExp(`Layer ${A} does not run: Error limit reached`))
})

test('LayerSyncs pushes the newest splices although the clock of its host is set back', async () => {
  const bench = new Bench()
  await bench.start([A, 0])
  await bench.wait(20_000)
  bench.add(A, asn(1))
  await bench.wait(1_200)
  bench.clock.setByMs = -3_600_000
  await bench.wait(12_000)
  assert.deepEqual(bench.values(), [1])
  bench.clock.setByMs = 3_600_000
  bench.add(A, nope('late'))
  await bench.wait(20_000)
  assert.equal(bench.layer().pushOffset, 2)
  assert.equal((await bench.run(bench.service.ask())).canCutover, false)
})

test('the rate falls to nothing a minute after the last push', async () => {
  const bench = new Bench()
  await bench.start([A, 0])
  for (let i = 0; i < 10; i++) {
    bench.add(A, asn(i))
    await bench.wait(700)
  }
  await bench.wait(20_000)
  assert.ok(bench.layer().rate > 0)
  await bench.wait(70_000)
  assert.equal(bench.layer().rate, 0)
})

test('a Cortex that is away for hours is warned of once for each layer and reason', async () => {
  for (const side of ['source', 'dest'] as const) {
    const bench = new Bench()
    await bench.start([A, 0], [B, 0])
    await bench.wait(20_000)
    bench[side].stop()
    for (let hour = 0; hour < 3; hour++) await bench.wait(3_500_000)
    const before = bench.warnings.length
    assert.ok(before >= 2 && before <= 6, bench.warnings.join('\n'))
    bench[side].isUp = true
    assert.equal((await bench.run(bench.service.untilCaughtUp())).canCutover, true)
    bench[side].stop()
    await bench.wait(100_000)
    assert.ok(bench.warnings.length > before)
  }
})

test('a source that refuses is waited for, and does not end the sync', async () => {
  const bench = new Bench()
  await bench.start([A, 0])
  await bench.wait(20_000)
  bench.source.refusal = TelepathError.of('AuthDeny', { mesg: 'Invalid password' })
  bench.source.cut()
  await bench.wait(10_000)
  const done = bench.service.untilCaughtUp()
  await bench.wait(10_000)
  bench.source.refusal = null
  assert.equal((await bench.run(done)).canCutover, true)
})

test('a second service at the same destination keeps both from cutting over, until it has ended', async () => {
  const first = new Bench()
  await first.start([A, 0])
  assert.equal((await first.run(first.service.untilCaughtUp())).canCutover, true)
  const second = new Bench({}, undefined, first)
  await second.start([A, 0])
  await second.wait(3_000)
  for (const each of [first, second]) {
    const { canCutover, cutoverBlockers } = await each.run(each.service.untilCaughtUp())
    assert.equal(canCutover, false)
    assert.match(
      cutoverBlockers.join(),
      /^1 other connection has a layer of the destination open: perhaps a second sync/,
    )
  }
  await second.run(second.service.close())
  assert.equal((await first.run(first.service.untilCaughtUp())).canCutover, true)
})
