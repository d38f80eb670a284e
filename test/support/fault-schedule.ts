import assert from 'node:assert/strict'
import { PackMap, type Value } from '../../src/bytes/msgpack.js'
import { openProxy } from '../../src/telepath/client.js'
import type { ChangingCortex } from './changing-cortex.js'
import { seeded } from './sim-clock.js'
import { assertSameRows, type Owner, type Pair, ServiceProcess, sleep, startPair } from './sync-pair.js'
import { TcpProxy } from './tcp-proxy.js'

/** How long a busy machine may take until all is well again. */
const PATIENCE_MS = 240_000
const MOST_CUT_BYTES = 60_000
/** Bytes of a frozen or slow peer still come within the sync's own patience. */
const SLOW_MS = 5

/** What a schedule did, and how long the sync took from the last fault until both sides were equal. */
export interface Played {
  readonly faults: readonly string[]
  readonly splices: number
  readonly settleMs: number
}

type Random = () => number
type Fault = (faults: FaultRun, random: Random, changed: Promise<unknown>) => Promise<string>

const FAULTS: readonly Fault[] = [
  killService,
  endService,
  killSource,
  killDest,
  cut,
  cutInMessage,
  cutInMessage,
  slow,
  freeze,
  denyPasswd,
]

/** A 0.1.58 and a 2.0.0 Cortex with `sync_020` between them, whose connections to both can be cut; schedules of faults, one after the other. */
export class FaultRun {
  private constructor(
    readonly pair: Pair,
    readonly service: ServiceProcess,
    readonly toSource: TcpProxy,
    readonly toDest: TcpProxy,
  ) {}

  static async start(t: Owner, pairSeed: number): Promise<FaultRun> {
    const pair = await startPair(t, '200', pairSeed)
    const [toSource, toDest] = await Promise.all([TcpProxy.listen(pair.source.port), TcpProxy.listen(pair.dest.port)])
    t.after(() => Promise.all([toSource.close(), toDest.close()]))
    const service = await ServiceProcess.of(pair, toSource.url, toDest.url)
    t.after(() => service.kill())
    await service.start()
    await call(service, 'startSyncFromFile')
    return new FaultRun(pair, service, toSource, toDest)
  }

  /** Changes the source while faults happen as the seed says, lets all be well, and fails unless both sides are equal then. */
  async play(seed: number, faultCount: number): Promise<Played> {
    const { pair, service } = this
    const random = seeded(seed)
    const before = total(await pair.source.splices())
    const faults: string[] = []
    for (let i = 0; i < faultCount; i++) {
      const changed = pair.source.change(seed * 100 + i, 100).catch(() => {}) // the source may be killed meanwhile
      await sleep(random() * 1_000)
      faults.push(await FAULTS[Math.floor(random() * FAULTS.length)](this, random, changed))
      await changed
    }
    await pair.source.change(seed * 100 + 99, 20)
    const startedMs = Date.now()
    await inSync(pair, service)
    const settleMs = Date.now() - startedMs
    await assertSameRows(pair)
    assert.equal(await pair.dest.migrationMode(), true)
    return { faults, splices: total(await pair.source.splices()) - before, settleMs }
  }
}

async function killService({ service }: FaultRun, random: Random): Promise<string> {
  await service.kill()
  await sleep(random() * 1_000)
  await service.start()
  return 'service killed'
}

async function endService({ service }: FaultRun): Promise<string> {
  await service.stop()
  await service.start()
  return 'service ended'
}

async function killSource({ pair: { source } }: FaultRun, random: Random): Promise<string> {
  await sleep(random() * 700)
  await source.killBetweenWrites()
  await sleep(random() * 500)
  await source.start()
  return 'source killed'
}

async function killDest({ pair: { dest } }: FaultRun, random: Random): Promise<string> {
  await dest.kill()
  await sleep(random() * 2_000)
  await dest.start()
  return 'destination killed'
}

async function cut(faults: FaultRun, random: Random): Promise<string> {
  const [name, proxy] = side(faults, random)
  proxy.cut()
  return `${name} cut`
}

async function cutInMessage(faults: FaultRun, random: Random, changed: Promise<unknown>): Promise<string> {
  const [name, proxy] = side(faults, random)
  const direction = random() < 0.5 ? 'there' : 'back'
  const bytes = 1 + Math.floor(random() * MOST_CUT_BYTES)
  proxy.cut(bytes, direction)
  await changed
  return `${name} cut after ${bytes} bytes ${direction}`
}

async function slow(faults: FaultRun, random: Random, changed: Promise<unknown>): Promise<string> {
  const [name, proxy] = side(faults, random)
  proxy.slow(SLOW_MS)
  await changed
  await sleep(random() * 2_000)
  proxy.slow(0)
  return `${name} slow`
}

async function freeze({ pair }: FaultRun, random: Random): Promise<string> {
  const [name, cortex] = cortexOf(pair, random)
  await cortex.freeze(random() * 3_000)
  return `${name} frozen`
}

async function denyPasswd(faults: FaultRun, random: Random, changed: Promise<unknown>): Promise<string> {
  await changed
  const [name, cortex] = cortexOf(faults.pair, random)
  await cortex.setPasswd('another')
  faults.toSource.cut()
  faults.toDest.cut()
  await sleep(500 + random() * 1_500)
  await cortex.setPasswd('secret')
  return `${name} denies the password`
}

function side({ toSource, toDest }: FaultRun, random: Random): [name: string, proxy: TcpProxy] {
  return random() < 0.5 ? ['source', toSource] : ['destination', toDest]
}

function cortexOf({ source, dest }: Pair, random: Random): [name: string, cortex: ChangingCortex] {
  return random() < 0.5 ? ['source', source] : ['destination', dest]
}

function total(splices: Record<string, number>): number {
  return Object.values(splices).reduce((sum, count) => sum + count, 0)
}

async function call(service: ServiceProcess, method: string, ...args: Value[]): Promise<Value> {
  const proxy = await openProxy(service.url)
  try {
    return await proxy.call(method, args)
  } finally {
    await proxy.close()
  }
}

/** Waits until every layer's offset at the destination is the source's. */
async function inSync({ source }: Pair, service: ServiceProcess): Promise<void> {
  const splices = await source.splices()
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const status = await call(service, 'status')
    assert.ok(status instanceof PackMap)
    const offsets = status.entries.map(
      ([iden, layer]) => [iden, (layer as PackMap).get('dest:nextoffs')] as [string, number],
    )
    const errors = status.entries.map(([, layer]) => (layer as PackMap).get('errcnt'))
    if (offsets.every(([iden, offset]) => splices[iden] === offset)) {
      assert.deepEqual(new Set(errors), new Set([0]))
      return
    }
    assert.ok(Date.now() < end, JSON.stringify([splices, offsets]))
    await sleep(300)
  }
}
