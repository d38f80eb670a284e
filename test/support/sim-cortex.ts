import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import type {
  Anchor,
  OffsetStore,
  RawSplice,
  RemoteCortex,
  RemoteLayer,
  SyncConfig,
  SyncError,
  SyncLog,
} from '../../src/sync/api.js'
import { LinkDown, TelepathError } from '../../src/telepath/errors.js'
import type { SimClock } from './sim-clock.js'

export const SOURCE_URL = 'tcp://source/'
export const DEST_URL = 'tcp://dest/'

/** Values that the destination fails on. */
export const POISON = 'poison'

/** What may go wrong with one call. */
export interface Faults {
  readonly random: () => number
  /** Chance that a call loses its connection. */
  readonly lossRate: number
  /** Longest time that a call takes. */
  readonly slowMs: number
}

/** A process: when it has ended nothing that it had opened answers any more. */
export class Process {
  private alive = true

  get isAlive(): boolean {
    return this.alive
  }

  kill(): void {
    this.alive = false
  }
}

/** One 0.1.x or 2.x Cortex over a network that fails as told. */
export class SimCortex {
  readonly version: [number, number, number]
  isUp = true
  /** A TelepathError that every connect is answered with. */
  refusal: TelepathError | null = null
  /** The same of opening a layer. */
  layerRefusal: TelepathError | null = null
  /** A TelepathError that asking for the model is answered with. */
  modelRefusal: TelepathError | null = null
  migrationMode = false
  hasMigrationMode = true
  /** What the service's user has no right to. */
  denied: ReadonlySet<'mode' | 'push' | 'splices'> = new Set()
  hasEditIndex = true
  /** Whether its layers log node edits. */
  logsEdits = true
  /** Called before a method of the Cortex itself answers. */
  answering: (method: string) => void = () => {}
  /** What it answers in place of the right answer. */
  odd: (method: string, args: readonly Value[]) => Value | undefined = () => undefined
  modelReads = 0
  private readonly links = new Set<SimLink>()
  /** Splices by layer (0.1.x). */
  readonly logs = new Map<string, RawSplice[]>()
  /** When each of them was made, for a source that loses the newest. */
  readonly logTimes = new Map<string, number[]>()
  /** Node edits by layer as they were applied (2.x). */
  readonly applied = new Map<string, Applied[]>()
  /** Times of the rows of the node edit log by layer. */
  readonly logged = new Map<string, number[]>()
  /** How far the disk is behind. */
  commitMs = 250
  /** Layers that its hive knows, layers of its views by iden, and when nodes were made, by layer and iden (0.1.x). */
  hiveLayers: string[] = []
  readonly views = new Map<string, string[]>()
  readonly created = new Map<string, Map<string, number>>()
  /** Connections that have a layer open. */
  readonly layerLinks = new Set<SimLink>()
  /** Waited for before a layer takes a push. */
  storing: (iden: string) => Promise<void> = async () => {}
  /** The same before a layer gives splices. */
  reading: (iden: string, offset: number) => Promise<void> = async () => {}
  /** Called before a row of a log of node edits is shown. */
  digesting: () => unknown = () => undefined
  pushes = 0
  pushesAtOnce = 0
  mostPushesAtOnce = 0
  pushedWithoutMigrationMode = 0
  model: Value = modelDict({})

  constructor(
    readonly clock: SimClock,
    public faults: Faults,
    kind: 'source' | 'dest',
  ) {
    this.version = kind === 'source' ? [0, 1, 58] : [2, 0, 0]
  }

  /** Ends and starts the process; what it had not committed yet is gone, of nodes and of its log a little more or less. */
  restart(): void {
    this.cut()
    this.migrationMode = false
    const committedAt = this.clock.elapsed() - this.faults.random() * this.commitMs
    for (const [iden, times] of this.logTimes) {
      const length = times.filter((at) => at <= committedAt).length
      if (length === times.length) continue
      this.logs.get(iden)?.splice(length)
      times.splice(length)
      this.logLost(iden, length)
    }
    const nodesAt = committedAt - this.faults.random() * this.commitMs
    for (const [iden, applied] of this.applied) {
      this.logged.set(
        iden,
        (this.logged.get(iden) ?? []).filter((at) => at <= committedAt),
      )
      const left = applied.filter(({ at }) => at <= nodesAt)
      if (left.length === applied.length) continue
      this.losing(iden)
      this.applied.set(iden, left)
      this.lost(iden, left)
    }
  }

  /** Called before and after nodes are lost. */
  losing: (iden: string) => void = () => {}
  logLost: (iden: string, length: number) => void = () => {}
  lost: (iden: string, left: readonly Applied[]) => void = () => {}

  stop(): void {
    this.isUp = false
    this.restart()
  }

  /** Loses every connection. */
  cut(): void {
    for (const link of [...this.links]) link.fail(new LinkDown('cut'))
  }

  /** Loses the connections of layers alone. */
  cutLayers(): void {
    for (const link of this.layerLinks) link.fail(new LinkDown('cut'))
  }

  async open(peer: Process): Promise<RemoteCortex> {
    const link = await this.connect(peer)
    return new SimRemote(this, link, peer)
  }

  async connect(peer: Process): Promise<SimLink> {
    await this.delay(peer)
    if (!this.isUp) throw new LinkDown('connection refused')
    if (this.faults.random() < this.faults.lossRate) throw new LinkDown('no route')
    if (this.refusal !== null) throw this.refusal
    const link = new SimLink(() => this.links.delete(link))
    this.links.add(link)
    return link
  }

  /** @throws {TelepathError} AuthDeny where the service's user has no right to that */
  check(right: 'mode' | 'push' | 'splices', mesg: string): void {
    if (this.denied.has(right)) throw TelepathError.of('AuthDeny', { mesg })
  }

  async delay(peer: Process): Promise<void> {
    await this.clock.wait(this.faults.random() * this.faults.slowMs)
    if (!peer.isAlive) await new Promise(() => {})
  }

  /** One call over a link: it may fail before or after its effect. */
  async call<T>(link: SimLink, peer: Process, effect: () => T): Promise<T> {
    const { random, lossRate } = this.faults
    await this.delay(peer)
    link.check()
    if (random() < lossRate) link.fail(new LinkDown('lost the request'))
    link.check()
    const result = effect()
    await this.delay(peer)
    link.check()
    if (random() < lossRate) link.fail(new LinkDown('lost the reply'))
    link.check()
    return result
  }
}

/** Edits of one node edit as `kind value`, with its node and meta. */
export interface Applied {
  readonly node: string
  readonly edits: Value[][]
  readonly meta: PackMap
  readonly at: number
}

class SimLink {
  failure: Error | null = null
  isClosed = false
  readonly closed: Promise<Error | undefined>
  private settle: (why: Error | undefined) => void = () => {}

  constructor(private readonly ended: () => void) {
    this.closed = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  fail(error: Error): void {
    if (this.failure !== null || this.isClosed) return
    this.failure = error
    this.ended()
    this.settle(error)
  }

  close(): void {
    if (this.failure !== null || this.isClosed) return
    this.isClosed = true
    this.ended()
    this.settle(undefined)
  }

  check(): void {
    if (this.failure !== null) throw this.failure
    if (this.isClosed) throw new LinkDown('closed')
  }
}

class SimRemote implements RemoteCortex {
  readonly shownUrl = 'tcp://sim/'
  readonly version: [number, number, number]
  readonly closed: Promise<Error | undefined>

  constructor(
    private readonly cortex: SimCortex,
    private readonly link: SimLink,
    private readonly peer: Process,
  ) {
    this.version = cortex.version
    this.closed = link.closed
  }

  getModelDict(): Promise<Value> {
    return this.act(() => {
      if (this.cortex.modelRefusal !== null) throw this.cortex.modelRefusal
      this.cortex.modelReads++
      return this.cortex.model
    })
  }

  enableMigrationMode(): Promise<void> {
    return this.act(() => this.mode(true))
  }

  disableMigrationMode(): Promise<void> {
    return this.act(() => this.mode(false))
  }

  async openLayer(iden: string): Promise<RemoteLayer> {
    const link = await this.cortex.connect(this.peer)
    const { logs, applied, layerRefusal } = this.cortex
    if (layerRefusal !== null) throw layerRefusal
    if (!logs.has(iden) && !applied.has(iden)) throw TelepathError.of('NoSuchLayer', { iden })
    this.cortex.layerLinks.add(link)
    link.closed.then(() => this.cortex.layerLinks.delete(link))
    return new SimLayer(iden, this.cortex, link, this.peer)
  }

  call(method: string, ...args: Value[]): Promise<Value> {
    return this.act(() => {
      const { cortex } = this
      cortex.answering(method)
      const odd = cortex.odd(method, args)
      if (odd !== undefined) return odd
      if (method === 'listHiveKey') {
        return (args[0] as string[])[1] === 'layers' ? cortex.hiveLayers : [...cortex.views.keys()]
      }
      if (method === 'getHiveKey') return cortex.views.get((args[0] as string[])[2]) ?? null
      if (method === 'callStorm') {
        return [...cortex.views].map(
          ([iden, layers]) =>
            new PackMap([
              ['iden', iden],
              ['layers', layers.map((layer) => new PackMap([['iden', layer]]))],
            ]),
        )
      }
      if (method === 'getDmonSessions') {
        const items = new PackMap([[null, 'synapse.lib.layer.LayerApi']])
        return Array.from({ length: cortex.layerLinks.size }, () => new PackMap([['items', items]]))
      }
      if (method === 'count') {
        const there = new Set([...cortex.applied.values()].flatMap((each) => each.map(({ node }) => node)))
        return String(args[0])
          .split(' ')
          .slice(1)
          .filter((iden) => there.has(iden)).length
      }
      const [name, tdef] = method === 'addFormProp' ? args.slice(1) : args
      const stortype = (tdef as Value[])[0] === 'int' ? 9 : 1
      const entry: [Value, Value] = [
        method === 'addUnivProp' ? `.${name}` : (name as string),
        new PackMap([
          ['type', tdef],
          ['stortype', stortype],
        ]),
      ]
      const dict = this.cortex.model as PackMap
      if (method === 'addTagProp') (dict.get('tagprops') as PackMap).entries.push(entry)
      else {
        for (const [form, info] of (dict.get('forms') as PackMap).entries) {
          if (method === 'addFormProp' && form !== args[0]) continue
          ;((info as PackMap).get('props') as PackMap).entries.push(entry)
        }
      }
      return null
    })
  }

  generate(): AsyncIterable<Value> {
    throw new Error('not simulated')
  }

  async close(): Promise<void> {
    this.link.close()
  }

  private mode(on: boolean): void {
    this.cortex.check('mode', 'User is not an admin.')
    if (!this.cortex.hasMigrationMode) throw TelepathError.of('NoSuchMeth', { name: 'enableMigrationMode' })
    this.cortex.migrationMode = on
  }

  private act<T>(effect: () => T): Promise<T> {
    return this.cortex.call(this.link, this.peer, effect)
  }
}

class SimLayer implements RemoteLayer {
  readonly closed: Promise<Error | undefined>

  constructor(
    readonly iden: string,
    private readonly cortex: SimCortex,
    private readonly link: SimLink,
    private readonly peer: Process,
  ) {
    this.closed = link.closed
  }

  async *splices(offs: number | bigint, size: number): AsyncIterable<RawSplice> {
    const log = this.cortex.logs.get(this.iden)
    if (log === undefined) throw TelepathError.of('TypeError', { mesg: 'offs must be a tuple' })
    const start = Number(offs)
    await this.cortex.reading(this.iden, start)
    let end = await this.cortex.call(this.link, this.peer, () => {
      this.cortex.check('splices', 'Caller must have permission layer.lift')
      return log.length
    })
    if (size >= 0) end = Math.min(end, start + size)
    const { random, lossRate } = this.cortex.faults
    for (let at = start; at < end; at++) {
      this.link.check()
      if (random() < lossRate / 8) this.link.fail(new LinkDown('lost a splice'))
      this.link.check()
      yield log[at]
    }
  }

  async *createdSince(after: number, upTo = Number.POSITIVE_INFINITY): AsyncIterable<string> {
    const found = await this.cortex.call(this.link, this.peer, () => [...(this.cortex.created.get(this.iden) ?? [])])
    for (const [iden, at] of found) if (at > after && at <= upTo) yield iden
  }

  async storNodeEditsNoLift(nodeedits: Uint8Array, meta: Uint8Array): Promise<void> {
    const { cortex } = this
    cortex.pushes++
    await cortex.storing(this.iden)
    cortex.mostPushesAtOnce = Math.max(cortex.mostPushesAtOnce, ++cortex.pushesAtOnce)
    try {
      await cortex.call(this.link, this.peer, () => this.apply(decode(nodeedits) as Value[], decode(meta) as PackMap))
    } finally {
      cortex.pushesAtOnce--
    }
  }

  editIndex(): Promise<number | null> {
    const { cortex } = this
    return cortex.call(this.link, this.peer, () =>
      cortex.hasEditIndex ? (cortex.logged.get(this.iden) ?? []).length : null,
    )
  }

  editDigest(index: number): Promise<string | null> {
    this.cortex.digesting()
    const rows = this.cortex.logged.get(this.iden) ?? []
    return this.cortex.call(this.link, this.peer, () => (index === 0 ? null : String(rows[index - 1])))
  }

  async close(): Promise<void> {
    this.link.close()
  }

  private apply(nodeedits: Value[], meta: PackMap): void {
    this.cortex.check('push', 'User must have permission layer.write')
    const applied = this.cortex.applied.get(this.iden) as Applied[]
    if (!this.cortex.migrationMode) this.cortex.pushedWithoutMigrationMode++
    const at = this.cortex.clock.elapsed()
    for (const [buid, , edits] of nodeedits as [Uint8Array, string, Value[][]][]) {
      const done: Value[][] = []
      // As the real one: edits before the one that fails stay.
      applied.push({ node: Buffer.from(buid).toString('hex'), edits: done, meta, at })
      for (const edit of edits) {
        if ((edit[1] as Value[]).includes(POISON))
          throw TelepathError.of('SynErr', { errx: 'IndexError', mesg: 'poisoned' })
        done.push(edit)
      }
    }
    const { logged } = this.cortex
    if (this.cortex.logsEdits) logged.set(this.iden, [...(logged.get(this.iden) ?? []), at])
  }
}

/** Model dictionary of forms with their props and of tag props, by their stortypes. */
export function modelDict(
  forms: Record<string, Record<string, number>>,
  tagProps: Record<string, number> = {},
  withStortypes = true,
): PackMap {
  const prop = (stortype: number) => {
    const type: [Value, Value] = ['type', [stortype === 9 ? 'int' : 'str', new PackMap([])]]
    return new PackMap(withStortypes ? [type, ['stortype', stortype]] : [type])
  }
  const props = (found: Record<string, number>) =>
    new PackMap(Object.entries(found).map(([name, stortype]) => [name, prop(stortype)]))
  return new PackMap([
    ['types', new PackMap([])],
    [
      'forms',
      new PackMap(
        Object.entries(forms).map(([name, found]) => [
          name,
          new PackMap(
            withStortypes
              ? [
                  ['props', props(found)],
                  ['stortype', 1],
                ]
              : [['props', props(found)]],
          ),
        ]),
      ),
    ],
    ['tagprops', props(tagProps)],
  ])
}

/** The `OffsetStore` in memory; writes become durable later, in order, and a crash loses those that are not. */
export class SimStore implements OffsetStore {
  private readonly changes: ((state: StoreState) => unknown)[] = []
  private readonly state: StoreState
  private pending = Promise.resolve()
  writes = 0

  constructor(
    private readonly clock: SimClock,
    private readonly delayMs: () => number,
    private readonly peer: Process,
    readonly durable: StoreState = emptyState(),
    private readonly onAdvance: (iden: string, offset: number, durable: StoreState) => void = () => {},
  ) {
    this.state = structuredClone(durable)
  }

  layers(): [string, number][] {
    return [...this.state.layers]
  }

  startLayers(starts: readonly (readonly [string, number])[], resetErrors: boolean): Promise<void> {
    return this.write((state) => {
      for (const [iden, offset] of starts) {
        state.layers.set(iden, offset)
        state.pull.set(iden, offset)
        state.push.set(iden, offset)
        state.settled.set(iden, offset)
        state.halted.delete(iden)
        if (resetErrors) state.anchors.delete(iden)
        if (resetErrors) state.nodesChecked.delete(iden)
        if (resetErrors) for (const [key, error] of state.errors) if (error.layer === iden) state.errors.delete(key)
      }
    })
  }

  pullOffset(iden: string): number {
    return this.state.pull.get(iden) ?? 0
  }

  pushOffset(iden: string): number {
    return this.state.push.get(iden) ?? 0
  }

  setPullOffset(iden: string, offset: number): Promise<void> {
    return this.write((state) => state.pull.set(iden, offset))
  }

  settledOffset(iden: string): number {
    return Math.min(this.pushOffset(iden), this.state.settled.get(iden) ?? 0)
  }

  advance(iden: string, offset: number, errors: readonly SyncError[], settled: number): Promise<void> {
    return this.write((state) => {
      state.push.set(iden, offset)
      state.settled.set(iden, settled)
      for (const error of errors) state.errors.set(keyOf(iden, error.offset), error)
      if (state === this.durable) this.onAdvance(iden, offset, state)
    })
  }

  anchors(iden: string): readonly Anchor[] {
    return this.state.anchors.get(iden) ?? []
  }

  setAnchors(iden: string, anchors: readonly Anchor[]): Promise<void> {
    return this.write((state) => state.anchors.set(iden, anchors))
  }

  nodesChecked(iden: string): number | null {
    return this.state.nodesChecked.get(iden) ?? null
  }

  setNodesChecked(iden: string, time: number): Promise<void> {
    return this.write((state) => state.nodesChecked.set(iden, time))
  }

  *errors(iden?: string, from = 0): Iterable<SyncError> {
    for (const key of [...this.state.errors.keys()].sort()) {
      const error = this.state.errors.get(key) as SyncError
      if ((iden === undefined || error.layer === iden) && error.offset >= from) yield error
    }
  }

  error(iden: string, offset: number): SyncError | undefined {
    return this.state.errors.get(keyOf(iden, offset))
  }

  errorCount(iden: string): number {
    return [...this.errors(iden)].length
  }

  removeError(iden: string, offset: number): Promise<void> {
    return this.write((state) => state.errors.delete(keyOf(iden, offset)))
  }

  halted(iden: string): boolean {
    return this.state.halted.has(iden)
  }

  setHalted(iden: string): Promise<void> {
    return this.write((state) => state.halted.add(iden))
  }

  migrationModeOverride(): boolean | null {
    return this.state.override
  }

  setMigrationModeOverride(value: boolean | null): Promise<void> {
    return this.write((state) => {
      state.override = value
    })
  }

  syncing(): boolean {
    return this.state.syncing
  }

  setSyncing(value: boolean): Promise<void> {
    return this.write((state) => {
      state.syncing = value
    })
  }

  private write(change: (state: StoreState) => unknown): Promise<void> {
    this.writes++
    change(this.state)
    this.changes.push(change)
    const at = this.changes.length
    this.pending = this.pending.then(() => this.commit(at))
    return this.pending
  }

  /** Whatever waits is committed together. */
  private async commit(upTo: number): Promise<void> {
    if (this.committed >= upTo) return
    await this.clock.wait(this.delayMs())
    if (!this.peer.isAlive) await new Promise(() => {})
    for (; this.committed < this.changes.length; this.committed++) this.changes[this.committed](this.durable)
  }

  private committed = 0
}

export interface StoreState {
  readonly layers: Map<string, number>
  readonly pull: Map<string, number>
  readonly push: Map<string, number>
  readonly settled: Map<string, number>
  readonly anchors: Map<string, readonly Anchor[]>
  readonly nodesChecked: Map<string, number>
  readonly halted: Set<string>
  readonly errors: Map<string, SyncError>
  override: boolean | null
  syncing: boolean
}

export function emptyState(): StoreState {
  return {
    layers: new Map(),
    pull: new Map(),
    push: new Map(),
    settled: new Map(),
    anchors: new Map(),
    nodesChecked: new Map(),
    halted: new Set(),
    errors: new Map(),
    override: null,
    syncing: false,
  }
}

function keyOf(iden: string, offset: number): string {
  return `${iden} ${String(offset).padStart(16, '0')}`
}

export const simConfig: SyncConfig = {
  src: SOURCE_URL,
  dest: DEST_URL,
  offsfile: undefined,
  pollS: 60,
  errLim: -1,
  skipLayers: [],
  queueSize: 100_000,
  queueBytes: 64 << 20,
  offsLogging: 0,
  modelSync: 'add',
  noMigrationMode: false,
}

export const quietLog: SyncLog = { debug() {}, info() {}, warn() {}, error() {} }

export function rawSplice(
  type: string,
  ndef: Value,
  info: Record<string, Value>,
  meta: Record<string, Value>,
): RawSplice {
  return encode([type, new PackMap(Object.entries({ ndef, ...info, ...meta }))])
}
