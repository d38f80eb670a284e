import type { RunStatus, TaskStatus } from './run-status.js'

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly labels?: Labels
  readonly value: number
}

/**
 * The state of a run in Prometheus' text format, for the textfile collector of its node exporter. Times are samples,
 * because the collector accepts no timestamps. You can tell that a run was killed when the update time stands still
 * while `running` is 1.
 */
export function metricsText(status: RunStatus): string {
  const lines: string[] = []
  const add = (name: string, help: string, ...samples: readonly Sample[]) => {
    if (samples.length === 0) return
    const full = `synapse_migrator_${name}`
    lines.push(`# HELP ${full} ${help}`, `# TYPE ${full} gauge`)
    for (const { labels = {}, value } of samples) lines.push(`${full}${labelText(labels)} ${value}`)
  }
  const { run_id, version, source, dest, dry_run, phase, tasks, exit_code, ended_at } = status
  const facts = { run_id, version, source, dest: dest ?? '', dry_run: String(dry_run) }
  add('run_info', 'The run that this is about', { labels: facts, value: 1 })
  add('running', 'Whether the run had not ended when this was written', { value: ended_at === null ? 1 : 0 })
  add('phase', 'The part of the run that it is in', { labels: { phase }, value: 1 })
  add('start_time_seconds', 'When the run started', { value: seconds(status.started_at) })
  add('update_time_seconds', 'When this was written', { value: seconds(status.updated_at) })
  if (ended_at !== null) add('end_time_seconds', 'When the run ended', { value: seconds(ended_at) })
  if (exit_code !== null) add('exit_code', 'What the run ended with', { value: exit_code })
  add('errors', 'Values that could not be migrated', { value: status.errors })
  const each = (value: (task: TaskStatus) => number | null) =>
    tasks.flatMap((task) => {
      const found = value(task)
      const { phase, layer, unit } = task
      return found === null ? [] : [{ labels: { phase, layer, unit }, value: found }]
    })
  add('task_done', 'How much of a phase of a layer is done', ...each(({ done }) => done))
  add('task_size', 'How much there is to do in it', ...each(({ total }) => total))
  add('task_rate', 'Units per second of late', ...each(({ rate }) => rate))
  add('task_eta_seconds', 'Seconds that are left of it at that rate', ...each(({ eta_s }) => eta_s))
  return `${lines.join('\n')}\n`
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function seconds(time: string): number {
  return Date.parse(time) / 1000
}
