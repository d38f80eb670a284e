import { setTimeout as wait } from 'node:timers/promises'
import * as z from 'zod/mini'
import { cortexPaths } from '../layout/paths.js'
import { DirLock } from '../lock/dir-lock.js'
import { type Identity, isNeighbor, isRunning, ownIdentity } from '../lock/identity.js'
import { readLockFile } from '../lock/lock-file.js'
import { leftOut } from '../report/left-out.js'
import { type RunRecord, readRuns } from '../report/run-history.js'
import { layerCounts, layerCountsOf } from './layer-counts.js'
import { type RunStatus, runStatus } from './run-status.js'
import { readStatus } from './status-file.js'

const count = z.int().check(z.nonnegative())
const text = z.string()

/** A running process updates its status more often than this. */
const WATCH_MS = 12_000
const LOOK_EVERY_MS = 500

/** `status --json`; docs/status.schema.json is made of it. */
export const outsideStatus = z.strictObject({
  schema_version: z.literal(1),
  /** `died`: it recorded no end, and its process is gone. `none`: there is no record of a run. */
  state: z.enum(['running', 'ended', 'died', 'none']),
  /** Who has locked the destination, in words. */
  holder: z.nullable(text),
  /** The last run's last status; null when it left only its record. */
  run: z.nullable(runStatus),
  /** How the last run ended; null until then. */
  result: z.nullable(
    z.strictObject({
      run_id: text,
      started_at: text,
      ended_at: text,
      exit_code: count,
      failure: z.nullable(z.strictObject({ message: text, hint: z.nullable(text) })),
      errors: z.nullable(count),
      open_errors: z.nullable(count),
      /** What its options kept it from migrating, in words. */
      left_out: z.array(text),
      /** Null when it did not finish. */
      layers: z.nullable(z.array(z.strictObject({ iden: text, ...layerCounts }))),
      /** Whether `--verify` found no differences; null when it did not run. */
      verify_ok: z.nullable(z.boolean()),
    }),
  ),
})

export type OutsideStatus = z.infer<typeof outsideStatus>

/**
 * What we can learn about the last run to a destination without disturbing it. Reads three small files, and opens no
 * slab.
 *
 * @param tell receives messages while we watch a process that we cannot see
 */
export async function statusOf(
  destDir: string,
  tell: (text: string) => void,
  watchMs = WATCH_MS,
): Promise<OutsideStatus> {
  const { runLock } = cortexPaths(destDir).migration
  const holder = await DirLock.holder(runLock, tell)
  const last = readRuns(destDir)?.at(-1)
  const run = ofLastRun(readStatus(destDir), last)
  const result = last === undefined ? null : resultOf(last)
  const head = { schema_version: 1 as const, holder, result }
  if (last === undefined && run === null) return { ...head, state: 'none', run }
  if (result !== null || (run !== null && run.ended_at !== null)) return { ...head, state: 'ended', run }
  // It has just begun, or could not write its status.
  if (run === null) return { ...head, state: holder === null ? 'died' : 'running', run }
  const found = readLockFile(runLock)?.holder
  const isHolder = holder !== null && found?.pid === run.process.pid && found.startTicks === run.process.start_ticks
  const isAlive = isHolder || (await isProcessAlive(destDir, run, tell, watchMs))
  // It may have ended while we looked.
  const now = readStatus(destDir)
  const isOver = now !== null && (now.ended_at !== null || now.run_id !== run.run_id)
  if (isOver || readRuns(destDir)?.at(-1)?.endedMs != null) return statusOf(destDir, tell, watchMs)
  return isAlive ? { ...head, state: 'running', run: now ?? run } : { ...head, state: 'died', run }
}

/** Looks for the process. One that we cannot see counts as alive when its status changes. */
async function isProcessAlive(
  destDir: string,
  { process, updated_at }: RunStatus,
  tell: (text: string) => void,
  watchMs: number,
): Promise<boolean> {
  const identity: Identity = {
    host: process.host,
    bootId: process.boot_id,
    pidNamespace: process.pid_namespace,
    pid: process.pid,
    startTicks: process.start_ticks,
  }
  const found = isNeighbor(identity, ownIdentity()) ? isRunning(identity) : null
  if (found !== null) return found
  tell(`Process ${process.pid} of "${process.host}" cannot be seen from here: watching for up to ${watchMs / 1000} s`)
  for (let left = watchMs; left > 0; left -= LOOK_EVERY_MS) {
    await wait(LOOK_EVERY_MS)
    const now = readStatus(destDir)
    // A status file that disappears is no sign of life.
    if (now !== null && now.updated_at !== updated_at) return true
  }
  return false
}

/** Null when the status is from an earlier run. */
function ofLastRun(status: RunStatus | null, last: RunRecord | undefined): RunStatus | null {
  if (status === null || last === undefined || status.run_id === last.runId) return status
  return Date.parse(status.started_at) > last.startedMs ? status : null
}

function resultOf(record: RunRecord): OutsideStatus['result'] {
  const { runId, startedMs, endedMs, exitCode, failure, errorCount, openErrorCount, verify } = record
  if (endedMs === null || exitCode === null) return null
  return {
    run_id: runId,
    started_at: new Date(startedMs).toISOString(),
    ended_at: new Date(endedMs).toISOString(),
    exit_code: exitCode,
    failure,
    errors: errorCount,
    open_errors: openErrorCount,
    left_out: leftOut(record),
    layers: record.layers?.map((layer) => ({ iden: layer.iden, ...layerCountsOf(layer) })) ?? null,
    verify_ok: verify?.ok ?? null,
  }
}
