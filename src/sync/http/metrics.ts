import type { LayerState, SyncState } from '../api.js'
import { isSourceUp } from '../status.js'

/** Null when unknown; the sample is then left out. */
type Sample = (layer: LayerState) => number | null

type Metric = readonly [name: string, help: string, of: Sample, type?: 'counter']

/** Gauges, where no type is given. */
const LAYER_METRICS: readonly Metric[] = [
  ['source_tip', 'Splices in the log of the source', (l) => l.sourceTip],
  ['read_offset', 'Offset of the next splice to read', (l) => l.pullOffset],
  ['acknowledged_offset', 'Offset behind the last splice acknowledged', (l) => l.pushOffset],
  ['in_flight_splices', 'Splices sent and not acknowledged', (l) => l.inFlight],
  ['queue_length', 'Splices read and not sent', (l) => l.queue?.length ?? null],
  ['lag_splices', 'Splices not acknowledged', (l) => l.lagSplices],
  ['lag_seconds', 'Age of the oldest splice not acknowledged', (l) => l.lagSeconds],
  ['splices_per_second', 'Splices acknowledged per second, last minute', (l) => l.rate],
  ['pushed_splices_total', 'Splices acknowledged since the start', (l) => l.pushedTotal, 'counter'],
  ['errors', 'Open error records', (l) => l.errorCount],
  ['source_up', 'Whether the source answers and the layer is being read', (l) => bit(isSourceUp(l))],
  ['dest_up', 'Whether the destination answers and the layer is being written', (l) => bit(l.destUp)],
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
  for (const [name, help, of, type = 'gauge'] of LAYER_METRICS) {
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
