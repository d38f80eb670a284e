import type { Value } from '../../src/bytes/msgpack.js'
import type { LayerState, RawSplice, SyncConfig } from '../../src/sync/api.js'
import { LayerSyncs } from '../../src/sync/pipeline.js'
import { SimClock, seeded } from './sim-clock.js'
import {
  emptyState,
  modelDict,
  Process,
  quietLog,
  rawSplice,
  SimCortex,
  SimStore,
  SOURCE_URL,
  type StoreState,
  simConfig,
} from './sim-cortex.js'

export const A = 'a'.repeat(32)
export const B = 'b'.repeat(32)
export const META = { time: 1_600_000_000_000, user: 'u', prov: 'p' }

/** Two Cortexes and a service between them, with nothing going wrong unless a test makes it. */
export class Bench {
  readonly clock: SimClock
  readonly source: SimCortex
  readonly dest: SimCortex
  readonly durable: StoreState
  readonly store: SimStore
  readonly service: LayerSyncs
  readonly process = new Process()
  /** What the service has warned of. */
  readonly warnings: string[] = []

  /** `former` is one whose service has ended: the same Cortexes and the same directory go on. */
  constructor(config: Partial<SyncConfig> = {}, durable = emptyState(), former?: Bench) {
    this.clock = former?.clock ?? new SimClock()
    const faults = { random: seeded(1), lossRate: 0, slowMs: 1 }
    this.source = former?.source ?? new SimCortex(this.clock, faults, 'source')
    this.dest = former?.dest ?? new SimCortex(this.clock, { ...faults }, 'dest')
    if (former === undefined) {
      this.source.model = modelDict({ 'inet:ipv4': { asn: 9 } }, {}, false)
      this.dest.model = modelDict({ 'inet:ipv4': { asn: 9, loc: 15 } })
      for (const iden of [A, B]) {
        this.source.logs.set(iden, [])
        this.dest.applied.set(iden, [])
      }
    }
    this.durable = durable
    this.store = new SimStore(this.clock, () => 1, this.process, durable)
    this.service = new LayerSyncs(
      {
        config: { ...simConfig, pollS: 1, ...config },
        store: this.store,
        openCortex: (url) => (url === SOURCE_URL ? this.source : this.dest).open(this.process),
        log: { ...quietLog, warn: (message) => this.warnings.push(message) },
      },
      { clock: this.clock, random: seeded(2) },
    )
  }

  /** Ends the service and starts it again in a new process, after what was done meanwhile. */
  async again(meanwhile: () => void = () => {}, config: Partial<SyncConfig> = {}): Promise<Bench> {
    await this.run(this.service.close())
    meanwhile()
    return new Bench(config, this.durable, this)
  }

  run<T>(promise: Promise<T>, mostMs?: number): Promise<T> {
    return this.clock.run(promise, mostMs)
  }

  wait(ms: number): Promise<void> {
    return this.run(this.clock.wait(ms))
  }

  async start(...starts: [string, number][]): Promise<void> {
    await this.run(this.store.startLayers(starts, true))
    await this.run(this.service.startSyncFromLast())
  }

  add(iden: string, ...splices: RawSplice[]): void {
    this.log(iden).push(...splices)
  }

  log(iden: string): RawSplice[] {
    return this.source.logs.get(iden) as RawSplice[]
  }

  /** Values of the edits that a layer of the destination has got, in order. */
  values(iden = A): Value[] {
    return (this.dest.applied.get(iden) ?? []).flatMap(({ edits }) => edits.map(([, info]) => (info as Value[])[1]))
  }

  layer(iden = A): LayerState {
    return this.service.state().layers.find((each) => each.iden === iden) as LayerState
  }
}

export function asn(valu: Value, node: Value = 1, meta: Record<string, Value> = META): RawSplice {
  return rawSplice('prop:set', ['inet:ipv4', node], { prop: 'asn', valu }, meta)
}

export function nope(prop = 'nope', node: Value = 1): RawSplice {
  return rawSplice('prop:set', ['inet:ipv4', node], { prop, valu: 1 }, META)
}

export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i)
}
