import { errorKindInfo } from '../layout/error-record.js'
import type { LogLevel } from '../log.js'
import type { LayerSummary, MigrateSummary } from '../migrate/summary.js'
import { layerCountsOf } from '../status/layer-counts.js'
import type { JsonLine } from '../status/line-schema.js'
import type { RunStatus, TaskStatus } from '../status/run-status.js'
import type { VerifyReport } from '../verify/report.js'

/** Lines of one kind, without the fields that all lines have. */
type Line<L = JsonLine> = L extends JsonLine ? Omit<L, 'schema_version' | 'run_id' | 'seq' | 'time'> : never

/** What a run reports to programs: a line of JSON for each event. docs/json-lines.md describes them. */
export class JsonLines {
  private seq = 0

  constructor(
    private readonly runId: string,
    /** Takes whole lines. */
    private readonly write: (line: string) => void,
  ) {}

  begin({ version, source, dest, dry_run, process }: RunStatus): void {
    const { host, pid } = process
    this.line({
      event: 'begin',
      phase: 'check',
      status: 'started',
      layer: null,
      version,
      source,
      dest,
      dry_run,
      host,
      pid,
    })
  }

  phase({ phase }: RunStatus): void {
    this.line({ event: 'phase', phase, status: 'started', layer: null, counts: null })
  }

  /** A phase of a layer began or ended. */
  task({ phase, layer, done, total, unit }: TaskStatus, status: 'started' | 'done'): void {
    if (phase !== 'count') this.line({ event: 'phase', phase, status, layer, counts: { done, total, unit } })
  }

  progress({ phase, tasks, errors }: RunStatus): void {
    const running = tasks.filter(({ status }) => status === 'running')
    this.line({ event: 'progress', phase, status: 'running', layer: null, tasks: running, errors })
  }

  /** Log messages of level warning and above. */
  logged({ phase }: RunStatus, level: LogLevel, text: string): void {
    if (level === 'DEBUG' || level === 'INFO') return
    this.line({ event: 'warning', phase, status: 'running', layer: null, level, text })
  }

  summary({ phase }: RunStatus, summary: MigrateSummary): void {
    for (const text of summary.notes) {
      this.line({ event: 'note', phase, status: 'running', layer: null, level: 'NOTE', text })
    }
    for (const layer of summary.layers) this.layer(phase, layer)
    this.line({
      event: 'errors',
      phase,
      status: 'done',
      layer: null,
      total: summary.errorCount,
      open: summary.openErrorCount,
      kinds: [...summary.errorKinds, ...summary.noteKinds].map(({ step, code, errors }) => {
        const { meaning, cure, isNote } = errorKindInfo(code)
        return { step, code, errors, is_note: isNote === true, meaning, cure }
      }),
    })
  }

  verified({ phase }: RunStatus, { differenceCount, notCompared }: VerifyReport): void {
    this.line({
      event: 'verify',
      phase,
      status: differenceCount === 0 ? 'done' : 'failed',
      layer: null,
      differences: differenceCount,
      not_compared: [...notCompared],
    })
  }

  end({ exit_code, started_at, ended_at, errors, failure }: RunStatus): void {
    const code = exit_code ?? 1
    this.line({
      event: 'end',
      phase: 'end',
      status: endStatus(code),
      layer: null,
      exit_code: code,
      elapsed_ms: Date.parse(ended_at ?? started_at) - Date.parse(started_at),
      errors,
      message: failure?.message ?? null,
      hint: failure?.hint ?? null,
    })
  }

  private layer(phase: RunStatus['phase'], counts: LayerSummary): void {
    this.line({
      event: 'layer',
      phase,
      status: 'done',
      layer: counts.iden,
      ...layerCountsOf(counts),
      nodes_reduced: counts.reduced,
    })
  }

  private line({ event, phase, status, layer, ...facts }: Line): void {
    this.seq++
    const head = { schema_version: 1, run_id: this.runId, seq: this.seq, time: new Date().toISOString() }
    this.write(`${JSON.stringify({ ...head, event, phase, status, layer, ...facts })}\n`)
  }
}

/** One word for how a run with this exit code ended. */
export function endStatus(exitCode: number): Extract<JsonLine, { event: 'end' }>['status'] {
  if (exitCode === 0) return 'complete'
  if (exitCode === 7) return 'differs'
  if (exitCode === 8) return 'incomplete'
  return exitCode === 130 || exitCode === 143 ? 'interrupted' : 'failed'
}
