import { decode, Float, PackMap, type Value } from '../bytes/msgpack.js'
import { count } from '../text/table.js'
import type { LayerState, PullStatus, SyncError, SyncState, TaskState } from './api.js'

/** What a reader's status means to a reader of ours. */
export const PULL_TEXTS: Readonly<Record<PullStatus, string>> = {
  reading_catchup: 'catching up',
  reading_at_live: 'reading the newest splices',
  up_to_date: 'up to date',
  connect_err: 'no connection',
  auth_err: 'login refused',
  stopped: 'stopped',
}

/**
 * The `status` map of the telepath API, by layer iden, with the reference service's keys and texts. `pprint` adds the
 * table that the Storm command prints. Our own keys come after those of the reference.
 */
export function statusValue(state: SyncState, pprint: boolean): Value {
  return new PackMap(
    state.layers.map((layer): [Value, Value] => {
      const entries: [Value, Value][] = [
        ['src:pullstatus', layer.pullStatus],
        ['src:nextoffs', layer.pullOffset],
        ['dest:nextoffs', layer.pushOffset],
        ['queue', queueValue(layer)],
        ['src:task', taskValue(layer.pullTask)],
        ['dest:task', taskValue(layer.pushTask)],
        ['src:laststart', timeText(layer.pullStartedAt)],
        ['dest:laststart', timeText(layer.pushConnectedAt)],
        ['errcnt', layer.errorCount],
        ['migrmode_override', state.migrationModeOverride],
        ['src:tip', layer.sourceTip],
        ['lag:splices', layer.lagSplices],
        ['lag:seconds', layer.lagSeconds === null ? null : new Float(layer.lagSeconds)],
        ['notes', [...layer.notes]],
      ]
      if (pprint) entries.push(['pprint', statusTable(layer)], ['details', statusDetails(layer)])
      return [layer.iden, new PackMap(entries)]
    }),
  )
}

/** The whole state as plain data: for the JSON status, the status page, and `getSyncState` of the API. */
export function stateJson(state: SyncState): Record<string, unknown> {
  return {
    schema_version: 1,
    syncing: state.syncing,
    can_cutover: state.canCutover,
    polled_at: isoTime(state.polledAt),
    cutover_blockers: state.cutoverBlockers,
    not_carried: state.notCarried,
    not_looked_at: state.notLookedAt,
    migration_mode: {
      enabled: state.migrationMode,
      override: state.migrationModeOverride,
      error: state.migrationModeError,
    },
    source_version: state.sourceVersion,
    dest_version: state.destVersion,
    layers: state.layers.map((layer) => ({
      iden: layer.iden,
      source_tip: layer.sourceTip,
      read: layer.pullOffset,
      in_flight: layer.inFlight,
      acknowledged: layer.pushOffset,
      queue: layer.queue === null ? null : layer.queue.length,
      lag: { splices: layer.lagSplices, seconds: layer.lagSeconds },
      rate: Math.round(layer.rate * 10) / 10,
      pushed: layer.pushedTotal,
      errors: layer.errorCount,
      source: {
        up: isSourceUp(layer),
        status: layer.pullStatus,
        task: layer.pullTask,
        started_at: isoTime(layer.pullStartedAt),
        polled_at: isoTime(layer.polledAt),
      },
      dest: { up: layer.destUp, task: layer.pushTask, connected_at: isoTime(layer.pushConnectedAt) },
      notes: layer.notes,
    })),
  }
}

/** Whether the source answers: what we know about its end is then no older than a poll. */
export function isSourceUp({ pullStatus, pullTask }: LayerState): boolean {
  if (pullTask.status !== 'active') return false
  return pullStatus === 'reading_catchup' || pullStatus === 'reading_at_live' || pullStatus === 'up_to_date'
}

/** Plain data as a telepath value. */
export function jsonValue(data: unknown): Value {
  if (typeof data === 'number') return Number.isSafeInteger(data) ? data : new Float(data)
  if (typeof data === 'string' || typeof data === 'boolean') return data
  if (Array.isArray(data)) return data.map(jsonValue)
  if (typeof data !== 'object' || data === null) return null
  return new PackMap(Object.entries(data).map(([key, value]) => [key, jsonValue(value)]))
}

/** An error record in the API, with its splices. */
export function errorValue(error: SyncError): Value {
  return new PackMap([
    ['layer', error.layer],
    ['offs', error.offset],
    ['endoffs', error.endOffset],
    ['mesg', error.message],
    ['splices', error.splices.map((each) => decode(each))],
  ])
}

const COLUMNS = [6, 25, 15, 15, 22, 15, 15, 15]
const HEADINGS = ['', 'last_start', 'task_status', 'offset', 'read_status', 'queue_live', 'queue_len', 'err_cnt']

/**
 * Five lines on one layer, byte for byte the reference's (except the source row, where the reference showed the
 * destination's task).
 */
export function statusTable(layer: LayerState): string {
  const started = timeText(layer.pullStartedAt) ?? '-'
  const connected = timeText(layer.pushConnectedAt) ?? '-'
  const live = layer.queue !== null && !layer.queue.finished
  return [
    `Layer: ${layer.iden}`,
    HEADINGS.map((heading, i) => centred(heading, COLUMNS[i])).join('|'),
    '-'.repeat(135),
    row('src', [
      started,
      taskText(layer.pullTask),
      count(layer.pullOffset),
      layer.pullStatus ?? '-',
      'n/a',
      'n/a',
      'n/a',
    ]),
    row('dest', [
      connected,
      taskText(layer.pushTask),
      count(layer.pushOffset),
      'n/a',
      live ? 'True' : 'False',
      layer.queue === null ? '-' : count(layer.queue.length),
      String(layer.errorCount),
    ]),
  ].join('\n')
}

/** What the reference's table lacks: the source's end, how far behind, how fast, and why a layer has no connection. */
export function statusDetails({ sourceTip, lagSplices, lagSeconds, rate, polledAt, ...layer }: LayerState): string {
  const age = lagSeconds === null || lagSplices === 0 ? '' : ` (${Math.round(lagSeconds)} s)`
  const failures = [layer.pullTask, layer.pushTask].flatMap((task) =>
    task.status === 'exception' ? [task.message] : [],
  )
  return [
    ` source's end ${sourceTip === null ? 'unknown' : count(sourceTip)}, as of ${timeText(polledAt) ?? '-'}`,
    ` behind ${lagSplices === null ? 'unknown' : `${count(lagSplices)} splices${age}`}, ${Math.round(rate * 10) / 10} splices/s`,
    ...[...failures, ...layer.notes].map((text) => ` ! ${text}`),
  ].join('\n')
}

/** `YYYY/MM/DD HH:MM:SS.mmm`, UTC. */
export function timeText(epochMs: number | null): string | null {
  if (epochMs === null) return null
  return new Date(epochMs).toISOString().replaceAll('-', '/').replace('T', ' ').replace('Z', '')
}

function isoTime(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString()
}

function row(name: string, cells: readonly string[]): string {
  return ` ${name.padEnd(5)}| ${cells.map((cell, i) => cell.padEnd(COLUMNS[i + 1] - 1)).join('| ')}`
}

function centred(text: string, width: number): string {
  const left = Math.floor((width - text.length) / 2)
  return text.padStart(left + text.length).padEnd(width)
}

function queueValue({ queue }: LayerState): Value {
  if (queue === null) return new PackMap([])
  return new PackMap([
    ['isfini', queue.finished],
    ['len', queue.length],
  ])
}

function taskText(task: TaskState): string {
  return task.status === 'none' ? '-' : task.status
}

function taskValue(task: TaskState): Value {
  const map = (fields: Record<string, Value>) => new PackMap(Object.entries(fields))
  switch (task.status) {
    case 'none':
      return map({})
    case 'active':
      return map({ isdone: false, status: 'active' })
    case 'cancelled':
      return map({ isdone: true, cancelled: true, status: 'cancelled' })
    case 'exception':
      return map({ isdone: true, cancelled: false, exc: task.message, status: 'exception' })
    case 'finished':
      return map({ isdone: true, cancelled: false, result: null, status: 'finished' })
  }
}
