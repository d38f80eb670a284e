import { encode, PackMap } from '../../src/bytes/msgpack.js'
import type { LayerState, SyncConfig, SyncError, SyncLog, SyncService, SyncState } from '../../src/sync/api.js'

export const LAYER = '333af34fa802ec35dbafa7ca97474f16'

/** A service that moves nothing: it answers with what was put in, and notes what was asked. */
export class FakeSync implements SyncService {
  readonly calls: string[] = []
  layers: LayerState[] = []
  known: SyncError[] = []
  failure: Error | null = null
  modeFailure: string | null = null
  syncing = false
  resolveCaughtUp: () => void = () => {}
  private readonly caughtUp = new Promise<void>((resolve) => {
    this.resolveCaughtUp = resolve
  })

  async ask(): Promise<SyncState> {
    return this.state()
  }

  state(): SyncState {
    return {
      syncing: this.syncing,
      layers: this.layers,
      migrationModeOverride: null,
      migrationMode: this.syncing,
      migrationModeError: null,
      sourceVersion: [0, 1, 58],
      destVersion: [2, 0, 0],
      canCutover: false,
      blockers: [{ text: 'No sync runs', passes: false }],
      cutoverBlockers: ['No sync runs'],
      polledAt: null,
      notCarried: ['Node data'],
      unseen: [{ key: 'node_data', text: 'Node "contents"' }],
      notLookedAt: ['Node "contents"'],
    }
  }

  async startSyncFromFile(): Promise<[string, number][]> {
    return this.start('startSyncFromFile')
  }

  async startSyncFromLast(): Promise<[string, number][]> {
    return this.start('startSyncFromLast')
  }

  async stopSync(): Promise<string[]> {
    this.note('stopSync')
    this.syncing = false
    return this.layers.map(({ iden }) => iden)
  }

  async enableMigrationMode(): Promise<string | null> {
    this.note('enableMigrationMode')
    return this.modeFailure
  }

  async disableMigrationMode(): Promise<string | null> {
    this.note('disableMigrationMode')
    return this.modeFailure
  }

  async automaticMigrationMode(): Promise<string | null> {
    this.note('automaticMigrationMode')
    return this.modeFailure
  }

  errors(_iden?: string, limit = 100): SyncError[] {
    return this.known.slice(0, limit)
  }

  async retryErrors(): Promise<{ applied: number; failed: number }> {
    this.note('retryErrors')
    return { applied: this.known.length, failed: 0 }
  }

  async untilCaughtUp(): Promise<SyncState> {
    await this.caughtUp
    return this.state()
  }

  async close(): Promise<void> {
    this.note('close')
  }

  private start(method: string): [string, number][] {
    this.note(method)
    this.syncing = true
    return this.layers.map(({ iden, pullOffset }) => [iden, pullOffset])
  }

  private note(method: string): void {
    this.calls.push(method)
    if (this.failure) throw this.failure
  }
}

/** A layer that is in sync, but for what is said. */
export function layerState(changes: Partial<LayerState> = {}): LayerState {
  return {
    iden: LAYER,
    pullStatus: 'up_to_date',
    pullOffset: 32048,
    pushOffset: 32048,
    destUp: true,
    inFlight: 0,
    sourceTip: 32048,
    queue: { finished: false, length: 0 },
    pullTask: { status: 'active' },
    pushTask: { status: 'active' },
    pullStartedAt: Date.UTC(2026, 10, 22, 14, 37, 13, 846),
    pushConnectedAt: Date.UTC(2026, 10, 22, 14, 37, 13, 846),
    errorCount: 0,
    lagSplices: 0,
    isSettled: true,
    lagSeconds: 0,
    rate: 12.34,
    pushedTotal: 7,
    polledAt: Date.UTC(2026, 10, 22, 14, 37, 13, 846),
    notes: [],
    lastingNotes: [],
    ...changes,
  }
}

export function syncError(changes: Partial<SyncError> = {}): SyncError {
  const splice = ['node:add', new PackMap([['ndef', ['inet:fqdn', 'x.org']]])]
  return {
    layer: LAYER,
    offset: 5,
    endOffset: 6,
    message: 'Unable to determine stortype type for form inet:newp',
    splices: [encode(splice)],
    nodeedits: null,
    meta: null,
    ...changes,
  }
}

export function syncConfig(changes: Partial<SyncConfig> = {}): SyncConfig {
  return {
    src: undefined,
    dest: undefined,
    offsfile: undefined,
    pollS: 60,
    errLim: 10,
    skipLayers: [],
    queueSize: 100_000,
    queueBytes: 64 << 20,
    offsLogging: 0,
    modelSync: 'add',
    noMigrationMode: false,
    ...changes,
  }
}

/** A log that keeps its lines. */
export function memoryLog(): SyncLog & { readonly lines: string[] } {
  const lines: string[] = []
  const add = (level: string) => (message: string, cause?: unknown) => {
    lines.push(`${level} ${message}${cause === undefined ? '' : `: ${cause}`}`)
  }
  return { lines, debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') }
}
