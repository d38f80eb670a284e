import type { LayerState, SyncState } from '../api.js'
import { isSourceUp } from '../status.js'

interface Metric {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  /** Null when unknown; the sample is then left out. */
  readonly of: (layer: LayerState) => number | null
}

const LAYER_METRICS: readonly Metric[] = [
  { name: 'source_tip', type: 'gauge', help: 'Splices in the log of the source', of: (l) => l.sourceTip },
  { name: 'read_offset', type: 'gauge', help: 'Offset of the next splice to read', of: (l) => l.pullOffset },
  {
    name: 'acknowledged_offset',
    type: 'gauge',
    help: 'Offset behind the last splice acknowledged',
    of: (l) => l.pushOffset,
  },
  { name: 'in_flight_splices', type: 'gauge', help: 'Splices sent and not acknowledged', of: (l) => l.inFlight },
  { name: 'queue_length', type: 'gauge', help: 'Splices read and not sent', of: (l) => l.queue?.length ?? null },
  { name: 'lag_splices', type: 'gauge', help: 'Splices not acknowledged', of: (l) => l.lagSplices },
  { name: 'lag_seconds', type: 'gauge', help: 'Age of the oldest splice not acknowledged', of: (l) => l.lagSeconds },
  {
    name: 'splices_per_second',
    type: 'gauge',
    help: 'Splices acknowledged per second, last minute',
    of: (l) => l.rate,
  },
  {
    name: 'pushed_splices_total',
    type: 'counter',
    help: 'Splices acknowledged since the start',
    of: (l) => l.pushedTotal,
  },
  { name: 'errors', type: 'gauge', help: 'Open error records', of: (l) => l.errorCount },
  {
    name: 'source_up',
    type: 'gauge',
    help: 'Whether the source answers and the layer is being read',
    of: (l) => bit(isSourceUp(l)),
  },
  {
    name: 'dest_up',
    type: 'gauge',
    help: 'Whether the destination answers and the layer is being written',
    of: (l) => bit(l.destUp),
  },
]

/** The state in Prometheus' text format, names below `synapse_migrator_sync_`. */
export function metricsText(state: SyncState): string {
  const lines: string[] = []
  const add = (name: string, type: string, help: string, samples: readonly string[]) => {
    if (samples.length === 0) return
    const full = `synapse_migrator_sync_${name}`
    lines.push(`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...samples.map((sample) => full + sample))
  }
  add('active', 'gauge', 'Whether a sync was started and not stopped', [` ${bit(state.syncing)}`])
  add('can_cutover', 'gauge', 'Whether the destination has everything', [` ${bit(state.canCutover)}`])
  const unseen = [...new Set(state.unseen.map(({ key }) => `{what="${key}"} 1`))]
  add('not_looked_at', 'gauge', 'What can_cutover says nothing about', unseen)
  const mode = state.migrationMode
  if (mode !== null) add('migration_mode', 'gauge', 'Whether the destination is in migration mode', [` ${bit(mode)}`])
  for (const { name, type, help, of } of LAYER_METRICS) {
    const samples = state.layers.flatMap((layer) => {
      const value = of(layer)
      return value === null ? [] : [`{layer="${layer.iden}"} ${value}`]
    })
    add(`layer_${name}`, type, help, samples)
  }
  return `${lines.join('\n')}\n`
}

function bit(value: boolean): number {
  return value ? 1 : 0
}
