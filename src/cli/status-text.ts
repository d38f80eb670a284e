import { printable } from '../bytes/printable.js'
import { EXIT_MEANINGS, type ExitCode } from '../errors.js'
import type { OutsideStatus } from '../status/outside-status.js'
import type { RunStatus, TaskStatus } from '../status/run-status.js'
import { duration } from '../text/duration.js'
import { type Cell, count, indented, tableLines } from '../text/table.js'
import type { Paint } from './paint.js'

const PHASE_TEXT: Record<RunStatus['phase'], string> = {
  check: 'making its checks',
  migrate: 'migrating',
  verify: 'comparing with the source',
  end: 'ended',
}

/** The text that `status` prints for people. */
export function statusText(destDir: string, status: OutsideStatus, nowMs: number, paint: Paint): string {
  const lines = [headLine(destDir, status, nowMs, paint)]
  const { run, result, holder, state } = status
  if (run !== null)
    lines.push(`  run ${run.run_id} of version ${printable(run.version)}, from ${printable(run.source)}`)
  if (holder !== null) lines.push(`  the destination is held by ${printable(holder)}`)
  else if (state === 'running') lines.push('  nobody holds the destination: what is left is only read')
  if (result?.layers) lines.push(...indented(tableLines(resultRows(result.layers))))
  else if (run !== null && run.tasks.length > 0) lines.push(...indented(tableLines(taskRows(run.tasks, state))))
  const errors = result?.errors ?? run?.errors ?? null
  if (errors !== null)
    lines.push(`  ${errors === 0 ? 'no errors' : `errors: ${count(errors)}`}${state === 'ended' ? '' : ' so far'}`)
  for (const what of result?.left_out ?? []) lines.push(`  left out, as asked: ${printable(what)}`)
  const failure = result?.failure ?? run?.failure ?? null
  if (failure !== null) {
    lines.push(`  stopped by: ${printable(failure.message)}`)
    if (failure.hint !== null) lines.push(`  hint: ${printable(failure.hint)}`)
  }
  if (state === 'died') lines.push('  To continue, run the same command with --from-last')
  return `${lines.join('\n')}\n`
}

function headLine(destDir: string, { state, run, result }: OutsideStatus, nowMs: number, paint: Paint): string {
  const dest = printable(destDir)
  if (state === 'none') return `${dest}: no run of this program is recorded here`
  if (state === 'running') {
    if (run === null) return `${dest}: ${paint('green', 'running')}`
    const since = Date.parse(run.started_at)
    return `${dest}: ${paint('green', 'running')} for ${duration((nowMs - since) / 1000)}, ${PHASE_TEXT[run.phase]}`
  }
  if (state === 'died') {
    const said = run === null ? '' : `; it last said something at ${run.updated_at}`
    return `${dest}: ${paint('red', 'died')}: the run has recorded no end, and its process is gone${said}`
  }
  const code = result?.exit_code ?? run?.exit_code ?? null
  const ended = `${dest}: ended at ${result?.ended_at ?? run?.ended_at}`
  if (code === null) return ended
  return `${ended} with exit code ${code}: ${EXIT_MEANINGS[code as ExitCode] ?? 'unknown'}`
}

function taskRows(tasks: readonly TaskStatus[], state: OutsideStatus['state']): Cell[][] {
  const isRunning = state === 'running'
  const head: Cell[] = ['layer', 'phase', 'done', 'of', 'unit', ...(isRunning ? ['per second', 'left'] : [])]
  const rows = [...tasks]
    .sort((a, b) => (a.layer < b.layer ? -1 : a.layer > b.layer ? 1 : 0))
    .map(({ layer, phase, done, total, unit, rate, eta_s, status }): Cell[] => {
      const pace: Cell[] = status === 'done' ? ['', ''] : [count(Math.round(rate)), left(eta_s)]
      return [layer, phase, done, total, unit, ...(isRunning ? pace : [])]
    })
  return [head, ...rows]
}

function resultRows(layers: NonNullable<NonNullable<OutsideStatus['result']>['layers']>): Cell[][] {
  const head: Cell[] = ['layer', 'nodes', 'of', 'nodedata', 'of', 'splices', 'errors']
  const rows = layers.map((layer): Cell[] => [
    layer.iden,
    layer.nodes_migrated,
    layer.nodes,
    layer.nodedata_migrated,
    layer.nodedata,
    layer.splices,
    layer.errors,
  ])
  return [head, ...rows]
}

function left(etaS: number | null): string {
  return etaS === null ? '?' : duration(etaS)
}
