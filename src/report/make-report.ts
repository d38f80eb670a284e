import { existsSync } from 'node:fs'
import type { Value } from '../bytes/msgpack.js'
import { readCheckpointHeads } from '../dest/checkpoints.js'
import { ErrorCounts } from '../dest/error-counts.js'
import { type ErrorRecord, readErrorRecords } from '../dest/error-records.js'
import { type LogRecord, readStepRecords } from '../dest/migration-log.js'
import { MigrationError } from '../errors.js'
import { readCellGuid } from '../file/read-text.js'
import { type ErrorCode, errorKindInfo } from '../layout/error-record.js'
import { cortexPaths } from '../layout/paths.js'
import type { SlabPrint } from '../layout/records.js'
import { layerCheckpoint } from '../migrate/layer-checkpoint.js'
import { count } from '../text/table.js'
import { leftOut, optionList } from './left-out.js'
import { nextSteps } from './next-steps.js'
import { referenceDifferences } from './reference-differences.js'
import type { Report } from './report-schema.js'
import { type RunRecord, readRuns } from './run-history.js'
import { verdictOf } from './verdict.js'

/** How many errors of each kind to show; `errors` lists all. */
const MOST_EXAMPLES = 3
const MOST_MESSAGE_CHARS = 500

/** What a report needs that is not in the destination. */
export interface ReportInput {
  readonly version: string
  /** Runs to report instead of those in the destination's list: for a run that wrote nothing there. */
  readonly runs?: readonly RunRecord[]
  readonly verify?: Report['verify']
  readonly sha256?: Report['sha256']
}

/** Makes the report of a destination from what runs left there. Reads no nodes. */
export function makeReport(
  destDir: string,
  { version, runs: given, verify = null, sha256 = null }: ReportInput,
): Report {
  const known = given ?? readRuns(destDir)
  const runs = [...(known ?? [])]
  const last = runs.at(-1)
  const wroteNothing = last?.isDryRun === true
  const log = wroteNothing ? [] : (readStepRecords(destDir) ?? [])
  const notLookedAt: string[] = []
  const { zeroBuids, ...errors } = wroteNothing ? dryErrors(last) : errorsOf(destDir)
  const found = verify ?? ownVerify(runs)
  const layers = layersOf(destDir, log, runs, notLookedAt)
  const counting = wroteNothing ? [last] : runs.filter(({ isDryRun }) => !isDryRun)
  const differences = referenceDifferences({ runs: counting, layers, errors, zeroBuids })
  const missing = [
    ...(known === null ? ['Earlier runs: there is no list of them that can be read (migration/runs.json)'] : []),
    ...notLookedAt,
    ...blindSpots(last, found, sha256),
    differences.notLookedAt,
  ]
  const verdict = verdictOf(last, errors.total, found, last === undefined ? [] : leftOut(last))
  const [srcVersion] = log.filter(({ migrop, key }) => migrop === 'chkvalid' && key === 'src:cortex')
  return {
    schema_version: 1,
    made_at: new Date().toISOString(),
    made_by: `synapse-migrator ${version}`,
    dest: destDir,
    source: typeof last?.options.src === 'string' ? last.options.src : null,
    verdict,
    cell_guid: existsSync(cortexPaths(destDir).guid) ? readCellGuid(destDir) : null,
    source_version: Array.isArray(srcVersion?.val) ? srcVersion.val.join('.') : null,
    layers,
    steps: stepsOf(log),
    errors,
    differences: differences.applied,
    runs,
    verify: found,
    sha256,
    not_looked_at: missing,
    next_steps: nextSteps(destDir, last, verdict.status, errors.total, found),
  }
}

interface FoundErrors extends Pick<Report['errors'], 'total' | 'kinds'> {
  /** How many records of nodes and node data have a buid with a zero byte; null when there are no records. */
  readonly zeroBuids: number | null
}

/** A dry run only keeps counts. */
function dryErrors({ errorKinds }: RunRecord): FoundErrors {
  const kinds = errorKinds.map(({ step, code, errors }) => {
    const { meaning, cure, isNote } = errorKindInfo(code as ErrorCode)
    return { step, code, errors, is_note: isNote === true, meaning, cure, examples: [] }
  })
  return { total: kinds.reduce((sum, { errors, is_note }) => sum + (is_note ? 0 : errors), 0), kinds, zeroBuids: null }
}

/** The last run's own comparison. One of an earlier run says nothing about what came later. */
function ownVerify(runs: readonly RunRecord[]): Report['verify'] {
  const last = runs.at(-1)
  if (last == null || last.verify === null) return null
  return { from: 'migrate_020 --verify, in the last run', at: iso(last.endedMs), result: last.verify }
}

function layersOf(
  destDir: string,
  log: readonly LogRecord[],
  runs: readonly RunRecord[],
  notLookedAt: string[],
): Report['layers'] {
  const last = runs.at(-1)
  const stats = new Map<string, Report['layers'][number]>()
  const layer = (iden: string) => {
    const known = stats.get(iden) ?? { iden, nodes: null, nodedata: null, splices: null, forms: [], fingerprint: {} }
    stats.set(iden, known)
    return known
  }
  for (const { migrop, logtyp, key, val } of log) {
    if (logtyp !== 'stat' || typeof key !== 'string' || !Array.isArray(val)) continue
    const [iden, what, form] = [key.slice(0, 32), key.slice(33).split(':', 1)[0], key.slice(38)]
    const pair = difference(numberOf(val[0]), numberOf(val[1]))
    if (what === 'form') layer(iden).forms.push({ form, ...pair })
    else if (what === 'totnodes' && migrop === 'nodedata') layer(iden).nodedata = pair
  }
  const countedRuns = last?.isDryRun === true ? [last] : runs.filter(({ isDryRun }) => !isDryRun)
  for (const run of countedRuns) addCounts(run, layer, stats)
  addPrints(destDir, layer, last, notLookedAt)
  for (const { forms } of stats.values()) forms.sort((a, b) => (a.form < b.form ? -1 : 1))
  return [...stats.values()].sort((a, b) => (a.iden < b.iden ? -1 : 1))
}

/** Adds the counts of layers. If a run restarted a step and did not finish, earlier counts are void. */
function addCounts(
  run: RunRecord,
  layer: (iden: string) => Report['layers'][number],
  known: ReadonlyMap<string, Report['layers'][number]>,
): void {
  const ops = optionList(run, 'migr-ops')
  const has = (step: string) => ops.includes(step)
  if (run.layers === null) {
    for (const found of known.values()) {
      if (has('nodes')) found.nodes = null
      if (has('nodedata')) found.nodedata = null
      if (has('splices')) found.splices = null
    }
  }
  for (const counts of run.layers ?? []) {
    const found = layer(counts.iden)
    if (has('nodes')) found.nodes = difference(counts.nodes, counts.migrated)
    if (has('nodedata')) found.nodedata = difference(counts.nodedata, counts.nodedataMigrated)
    if (!has('splices')) continue
    const moved = counts.splices - counts.spliceErrors
    found.splices = { ...difference(counts.splices, moved), node_edits: counts.nodeEdits }
  }
}

function addPrints(
  destDir: string,
  layer: (iden: string) => Report['layers'][number],
  last: RunRecord | undefined,
  notLookedAt: string[],
): void {
  if (last?.isDryRun === true) return
  try {
    const checkpoints = readCheckpointHeads(destDir)
    for (const key of checkpoints.keys()) {
      const [step, iden] = key.split('/')
      if (key.split('/').length !== 2 || (step !== 'nodes' && step !== 'splices')) continue
      const slabs = layerCheckpoint(checkpoints, step, iden)?.fingerprint.slabs ?? {}
      for (const [slab, print] of Object.entries(slabs) as [string, SlabPrint | null][]) {
        if (print === null) continue
        const { digest, pages, rows, txnId } = print
        layer(iden).fingerprint[slab] = { digest, pages, rows, transaction: txnId }
      }
    }
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error
    notLookedAt.push(`The fingerprint of the source: ${error.message}`)
  }
}

function stepsOf(log: readonly LogRecord[]): Report['steps'] {
  const durations = new Map(
    log.flatMap(({ migrop, logtyp, key, val }) =>
      logtyp === 'stat' && typeof key === 'string' && key.endsWith(':duration') && Array.isArray(val)
        ? [[`${migrop} ${key.slice(0, 32)}`, numberOf(val[1])] as const]
        : [],
    ),
  )
  const steps = log.flatMap(({ migrop: step, logtyp, key, val }) => {
    if (logtyp !== 'prog') return []
    const of = typeof key === 'string' ? key : Buffer.from(key).toString('hex')
    const endedAt = typeof val === 'number' || typeof val === 'bigint' ? iso(Number(val)) : null
    return [{ step, of, ended_at: endedAt, elapsed_ms: durations.get(`${step} ${of}`) ?? null }]
  })
  return steps.sort((a, b) => ((a.ended_at ?? '') < (b.ended_at ?? '') ? -1 : 1))
}

function errorsOf(destDir: string): FoundErrors {
  const counts = new ErrorCounts()
  let zeroBuids = 0
  const examples = new Map<string, Report['errors']['kinds'][number]['examples']>()
  for (const record of readErrorRecords(destDir) ?? []) {
    counts.add(record)
    if (record.buid?.includes(0)) zeroBuids++
    const id = `${record.step} ${record.code}`
    const shown = examples.get(id) ?? []
    examples.set(id, shown)
    if (shown.length < MOST_EXAMPLES) shown.push(exampleOf(record))
  }
  const kinds = [...counts.kinds, ...counts.notes].map(({ step, code, errors }) => {
    const { meaning, cure, isNote } = errorKindInfo(code)
    return {
      step,
      code,
      errors,
      is_note: isNote === true,
      meaning,
      cure,
      examples: examples.get(`${step} ${code}`) ?? [],
    }
  })
  return { total: counts.kinds.reduce((sum, { errors }) => sum + errors, 0), kinds, zeroBuids }
}

function exampleOf({ code, layer, form, buid, offset, key, message }: ErrorRecord) {
  const bytes = buid ?? (typeof key === 'string' ? null : key)
  const what = bytes !== null ? Buffer.from(bytes).toString('hex') : offset !== null ? `splice ${offset}` : String(key)
  // The record of a password must not get into the report.
  return { layer, form: form && brief(form), what: brief(what), message: code === 'PASSWD' ? '' : brief(message) }
}

function brief(text: string): string {
  const whole = text.toWellFormed?.() ?? text
  if (whole.length <= MOST_MESSAGE_CHARS) return whole
  return `${whole.slice(0, MOST_MESSAGE_CHARS)} … (${count(whole.length)} characters)`
}

function blindSpots(last: RunRecord | undefined, verify: Report['verify'], sha256: Report['sha256']): string[] {
  const spots: string[] = []
  if (verify === null) {
    spots.push(
      'Whether the rows are right: no result of verify is recorded for the last run (migrate_020 --verify, or report --verify FILE)',
    )
  } else {
    const notCompared = verify.result.notCompared
    if (Array.isArray(notCompared)) spots.push(...notCompared.map((what) => `By verify: ${String(what)}`))
  }
  if (sha256 === null)
    spots.push('SHA-256 of the files: nothing was hashed (report --sha256 hashes all that Synapse reads)')
  else {
    spots.push(
      'SHA-256 of free space behind the pages of a slab, of lock files, of the log of the runs (migration/migrate.log), ' +
        'of their list (migration/runs.json), and of this report itself',
    )
  }
  if (last === undefined) return spots
  if ((last.waits ?? []).length === 0)
    spots.push('What share of the time was spent waiting for the disk or for other threads')
  if (last.layers === null)
    spots.push('Counts of this run: it did not finish. Counts by form are those that were recorded before')
  spots.push(...leftOut(last).map((what) => `What the last run was told to leave out: ${what}`))
  if (last.options['safety-off'] === true) {
    spots.push('Whether form values are normed and hash to their buid (--safety-off)')
  }
  return spots
}

function difference(source: number, dest: number) {
  return { source, dest, difference: dest - source }
}

function numberOf(value: Value | undefined): number {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : 0
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
