import assert from 'node:assert/strict'
import { buid } from '../../src/bytes/hash.js'
import type { Value } from '../../src/bytes/msgpack.js'
import type { OpenCortex, RawSplice, SyncConfig } from '../../src/sync/api.js'
import { LayerSyncs } from '../../src/sync/pipeline.js'
import { TelepathError } from '../../src/telepath/errors.js'
import { SimClock, seeded } from './sim-clock.js'
import {
  emptyState,
  modelDict,
  POISON,
  Process,
  quietLog,
  rawSplice,
  SimCortex,
  SimStore,
  SOURCE_URL,
  type StoreState,
  simConfig,
} from './sim-cortex.js'

/** How one seed went. */
export interface SimResult {
  readonly splices: number
  readonly crashes: number
  readonly pushes: number
  readonly simulatedMs: number
}

const CHAOS_MS = 30_000
/** All is well by then: the longest pause before a reconnect and the time to push what is left. */
const SETTLE_MS = 120_000
const LOSS = 1_000_000

/**
 * Runs the sync of a source that changes while connections, Cortexes and the service itself fail as the seed says, then
 * lets all of them be well and checks what must hold:
 * every splice applied in order or recorded, nothing left over, and no durable offset ever beyond what was applied.
 */
export async function simulate(seed: number): Promise<SimResult> {
  const sim = new Simulation(seed)
  const { stackTraceLimit } = Error
  // Most failures here are meant, and their stacks cost half of the time.
  Error.stackTraceLimit = 0
  try {
    await sim.clock.run(sim.play(), 10 * 3_600_000)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  return sim.check()
}

class Simulation {
  readonly clock = new SimClock()
  private readonly random: () => number
  private readonly source: SimCortex
  private readonly dest: SimCortex
  private readonly config: SyncConfig
  private readonly durable: StoreState = emptyState()
  private readonly idens: string[] = []
  private readonly bad = new Map<string, Set<number>>()
  private readonly appliedCount = new Map<string, number>()
  private readonly applied = new Map<string, Set<number>>()
  private readonly checkedUpTo = new Map<string, number>()
  private readonly values = new Map<string, Value>()
  private readonly ever = new Map<string, Set<number>>()
  private readonly started: number
  private process = new Process()
  private service: LayerSyncs | null = null
  private skewMs = 0
  private crashes = 0
  private losses = 0

  constructor(seed: number) {
    const random = seeded(seed)
    this.random = random
    this.started = this.clock.elapsed()
    const faults = { random, lossRate: this.chance(0.3) ? 0 : random() * 0.15, slowMs: this.pick([0, 5, 50, 500]) }
    this.source = new SimCortex(this.clock, faults, 'source')
    this.dest = new SimCortex(this.clock, { ...faults, slowMs: this.pick([0, 5, 50, 500]) }, 'dest')
    this.source.model = modelDict({ 'inet:ipv4': { asn: 9 } }, {}, false)
    this.dest.model = modelDict({ 'inet:ipv4': { asn: 9 } })
    this.config = { ...simConfig, queueSize: this.pick([1, 2, 7, 50, 100_000]), pollS: this.pick([1, 4]) }
    this.source.commitMs = 500
    this.source.logLost = (iden, length) => {
      this.losses++
      const bad = this.bad.get(iden) as Set<number>
      for (const offset of bad) if (offset >= length) bad.delete(offset)
    }
    this.dest.hasEditIndex = !this.chance(0.2)
    this.dest.losing = (iden) => this.lookAt(iden)
    this.dest.lost = (iden, left) => {
      this.appliedCount.set(iden, left.length)
      const values = left.flatMap(({ edits }) => edits.map(([, info]) => ((info as Value[])[1] as number) % LOSS))
      this.applied.set(iden, new Set(values))
    }
    const layers = 1 + Math.floor(random() * 2)
    for (let i = 0; i < layers; i++) {
      const iden = String(i).repeat(32)
      this.idens.push(iden)
      this.source.logs.set(iden, [])
      this.source.logTimes.set(iden, [])
      this.dest.applied.set(iden, [])
      this.bad.set(iden, new Set())
      this.applied.set(iden, new Set())
      this.appliedCount.set(iden, 0)
      this.ever.set(iden, new Set())
      this.grow(iden, Math.floor(random() * 40))
    }
  }

  async play(): Promise<void> {
    await this.boot()
    const end = this.clock.elapsed() + CHAOS_MS
    while (this.clock.elapsed() < end) {
      await this.clock.wait(this.random() * 2_000)
      await this.disturb()
    }
    for (const cortex of [this.source, this.dest]) {
      cortex.isUp = true
      cortex.refusal = null
      cortex.faults = { ...cortex.faults, lossRate: 0 }
    }
    if (this.chance(0.5)) for (const iden of this.idens) this.grow(iden, 5)
    await this.settle()
  }

  check(): SimResult {
    let splices = 0
    for (const iden of this.idens) {
      const log = this.source.logs.get(iden) as RawSplice[]
      splices += log.length
      this.lookAt(iden)
      this.checkComplete(iden, log)
      assert.equal(this.durable.push.get(iden), log.length, `the offset of layer ${iden}`)
    }
    const recorded = [...this.durable.errors.values()].map(({ layer, offset }) => `${layer} ${offset}`)
    const expected = this.idens.flatMap((iden) => [...(this.bad.get(iden) as Set<number>)].map((at) => `${iden} ${at}`))
    assert.deepEqual(recorded.sort(), expected.sort())
    assert.equal(this.dest.pushedWithoutMigrationMode, 0)
    const state = this.running.state()
    if (recorded.length === 0) assert.deepEqual(state.cutoverBlockers, [])
    assert.equal(state.canCutover, recorded.length === 0)
    return {
      splices,
      crashes: this.crashes,
      pushes: this.dest.pushes,
      simulatedMs: this.clock.elapsed() - this.started,
    }
  }

  private get running(): LayerSyncs {
    return this.service as LayerSyncs
  }

  private async boot(): Promise<void> {
    const process = new Process()
    this.process = process
    const openCortex: OpenCortex = (url) => (url === SOURCE_URL ? this.source : this.dest).open(process)
    const store = new SimStore(
      this.clock,
      () => this.random() * 100,
      process,
      this.durable,
      (iden, offset) => this.checkOffset(iden, offset),
    )
    const parts = { config: this.config, store, openCortex, log: quietLog }
    this.service = new LayerSyncs(parts, { clock: this.clock, random: this.random })
    if (this.durable.layers.size > 0) return
    await store.startLayers(
      this.idens.map((iden) => [iden, 0]),
      true,
    )
    await this.startFromLast()
  }

  /** A start is refused while the destination is away: the operator tries again. */
  private async startFromLast(): Promise<void> {
    for (;;) {
      try {
        await this.running.startSyncFromLast()
        return
      } catch {
        await this.clock.wait(1_000)
      }
    }
  }

  private async disturb(): Promise<void> {
    const cortex = this.chance(0.5) ? this.source : this.dest
    const what = Math.floor(this.random() * 11)
    if (what <= 2) for (const iden of this.idens) this.grow(iden, Math.floor(this.random() * 10))
    else if (what === 3) cortex.cut()
    else if (what === 4) cortex.restart()
    else if (what === 5) await this.away(cortex)
    else if (what === 6) await this.refuse(cortex)
    else if (what === 7) await this.crash()
    else if (what === 8) await this.killInChange(cortex)
    // Somebody sets the clocks of source and service.
    else if (what === 9) {
      this.skewMs = Math.floor(this.random() * 8_000) - (this.chance(0.3) ? 3_600_000 : 0)
      this.clock.setByMs = (this.chance(0.5) ? 1 : -1) * this.random() * 3_600_000
    } else await this.stopAndGo()
  }

  /** Kills a Cortex soon after a change, which it may lose, and continues with others. */
  private async killInChange(cortex: SimCortex): Promise<void> {
    for (const iden of this.idens) this.grow(iden, 3)
    await this.clock.wait(this.random() * 1_500)
    cortex.restart()
    for (const iden of this.idens) this.grow(iden, 3)
  }

  private async away(cortex: SimCortex): Promise<void> {
    cortex.stop()
    await this.clock.wait(this.random() * 8_000)
    cortex.isUp = true
  }

  private async refuse(cortex: SimCortex): Promise<void> {
    cortex.refusal = TelepathError.of('AuthDeny', { mesg: 'Invalid password' })
    cortex.cut()
    await this.clock.wait(this.random() * 8_000)
    cortex.refusal = null
  }

  private async crash(): Promise<void> {
    this.crashes++
    this.process.kill()
    // The system closes what the process had open.
    this.source.cut()
    this.dest.cut()
    await this.clock.wait(this.random() * 3_000)
    await this.boot()
  }

  private async stopAndGo(): Promise<void> {
    if (this.chance(0.3)) {
      await this.running.close()
      this.process.kill()
      await this.boot()
      return
    }
    await this.running.stopSync()
    await this.clock.wait(this.random() * 2_000)
    await this.startFromLast()
  }

  private async settle(): Promise<void> {
    await this.running.untilCaughtUp()
    const isDone = (iden: string) => this.durable.push.get(iden) === this.source.logs.get(iden)?.length
    const isWell = () => this.running.state().layers.every(({ notes }) => notes.length === 0)
    const end = this.clock.elapsed() + SETTLE_MS
    while (!(this.idens.every(isDone) && isWell()) && this.clock.elapsed() < end) await this.clock.wait(2_000)
    // A poll that finds nothing more.
    await this.clock.wait(12_000)
  }

  private grow(iden: string, count: number): void {
    const log = this.source.logs.get(iden) as RawSplice[]
    const bad = this.bad.get(iden) as Set<number>
    for (let i = 0; i < count; i++) {
      const offset = log.length
      const ndef = ['inet:ipv4', Math.floor(this.random() * 3)]
      const time = this.clock.elapsed() - (this.clock.elapsed() % 100) + this.skewMs
      const meta: Record<string, Value> = { time, user: 'u', prov: `p${Math.floor(this.random() * 2)}` }
      const kind = this.random()
      const prop = kind < 0.03 ? 'nope' : 'asn'
      // What a killed source has lost must be told from what comes in its place.
      const valu = kind > 0.97 ? POISON : this.losses * LOSS + offset
      if (prop === 'nope' || valu === POISON) bad.add(offset)
      this.source.logTimes.get(iden)?.push(this.clock.elapsed())
      this.values.set(`${iden} ${offset}`, valu)
      log.push(rawSplice('prop:set', ndef, { prop, valu }, meta))
    }
  }

  /** Follows what the destination has applied: never a splice before all those in front of it. */
  private lookAt(iden: string): void {
    const all = this.dest.applied.get(iden) ?? []
    const seen = this.applied.get(iden) as Set<number>
    const bad = this.bad.get(iden) as Set<number>
    for (const { edits } of all.slice(this.appliedCount.get(iden))) {
      for (const [, info] of edits) {
        const valu = (info as Value[])[1] as number
        const offset = valu % LOSS
        assert.equal(
          valu,
          this.values.get(`${iden} ${offset}`),
          `splice ${offset} of ${iden} is one that the source has lost`,
        )
        for (let before = offset - 1; before >= 0 && !seen.has(before); before--) {
          assert.ok(bad.has(before), `splice ${offset} of ${iden} was applied before ${before}`)
        }
        seen.add(offset)
        this.ever.get(iden)?.add(offset)
      }
    }
    this.appliedCount.set(iden, all.length)
  }

  private checkOffset(iden: string, offset: number): void {
    this.lookAt(iden)
    const seen = this.ever.get(iden) as Set<number>
    const errors = this.durable.errors
    for (let at = offset - 1; at >= (this.checkedUpTo.get(iden) ?? 0); at--) {
      const isRecorded = errors.has(`${iden} ${String(at).padStart(16, '0')}`)
      assert.ok(
        seen.has(at) || isRecorded,
        `offset ${offset} of ${iden} is durable, but ${at} was neither applied nor recorded`,
      )
    }
    this.checkedUpTo.set(iden, offset)
  }

  private checkComplete(iden: string, log: readonly RawSplice[]): void {
    const seen = this.applied.get(iden) as Set<number>
    const bad = this.bad.get(iden) as Set<number>
    for (let at = 0; at < log.length; at++) assert.equal(seen.has(at), !bad.has(at), `splice ${at} of ${iden}`)
    const values = new Map<string, number>()
    for (const { node, edits } of this.dest.applied.get(iden) ?? []) {
      for (const [, info] of edits) values.set(node, ((info as Value[])[1] as number) % LOSS)
    }
    for (let valu = 0; valu < 3; valu++) {
      const node = Buffer.from(buid(['inet:ipv4', valu])).toString('hex')
      const newest = [...seen].filter((at) => this.nodeOf(log[at]) === node)
      assert.equal(values.get(node), newest.length > 0 ? Math.max(...newest) : undefined, `node ${valu} of ${iden}`)
    }
  }

  private nodeOf(splice: RawSplice): string {
    for (let valu = 0; valu < 3; valu++) {
      // 92 a8 "prop:set" 8n a4 "ndef" 92 a9 "inet:ipv4" <valu>
      if (splice[1 + 9 + 1 + 5 + 1 + 10] === valu) return Buffer.from(buid(['inet:ipv4', valu])).toString('hex')
    }
    return ''
  }

  private chance(rate: number): boolean {
    return this.random() < rate
  }

  private pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]
  }
}
