import { setTimeout as wait } from 'node:timers/promises'
import * as z from 'zod/mini'
import { cortexPaths } from '../layout/paths.js'
import { DirLock } from '../lock/dir-lock.js'
import { type Identity, isNeighbor, isRunning, ownIdentity } from '../lock/identity.js'
import { readLockFile } from '../lock/lock-file.js'
import { type RunRecord, readRuns } from '../report/run-history.js'
import { layerCounts, layerCountsOf } from './layer-counts.js'
import { type RunStatus, runStatus } from './run-status.js'
import { readStatus } from './status-file.js'

const count = z.int().check(z.nonnegative())
const text = z.string()

/** A run that is alive says something more often than this. */
const WATCH_MS = 12_000
const LOOK_EVERY_MS = 500

/** `status --json`; docs/status.schema.json is made of it. */
export const outsideStatus = z.strictObject({
  schema_version: z.literal(1),
  /** `died`: it has recorded no end, and its process is gone. `none`: no run is recorded here. */
  state: z.enum(['running', 'ended', 'died', 'none']),
  /** Who holds the destination now, in words. */
  holder: z.nullable(text),
  /** What the last run said of itself last; null when it has left nothing but its record. */
  run: z.nullable(runStatus),
  /** What is recorded of the end of the last run; null until then. */
  result: z.nullable(
    z.strictObject({
      run_id: text,
      started_at: text,
      ended_at: text,
      exit_code: count,
      failure: z.nullable(z.strictObject({ message: text, hint: z.nullable(text) })),
      errors: z.nullable(count),
      open_errors: z.nullable(count),
      /** Null when it did not finish. */
      layers: z.nullable(z.array(z.strictObject({ iden: text, ...layerCounts }))),
      /** Whether `--verify` found no differences; null when it did not run. */
      verify_ok: z.nullable(z.boolean()),
    }),
  ),
})

export type OutsideStatus = z.infer<typeof outsideStatus>

/**
 * What can be told of the last run to a destination without disturbing it: it reads three small files, and opens no slab.
 *
 * @param tell takes what is said while a process is watched that cannot be seen from here
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
  // It has just begun, or its state could not be written.
  if (run === null) return { ...head, state: holder === null ? 'died' : 'running', run }
  const found = readLockFile(runLock)?.holder
  const isHolder = holder !== null && found?.pid === run.process.pid && found.startTicks === run.process.start_ticks
  const isAlive = isHolder || (await isProcessAlive(destDir, run, tell, watchMs))
  // It may have ended while it was looked for, whatever was found.
  const now = readStatus(destDir)
  const isOver = now !== null && (now.ended_at !== null || now.run_id !== run.run_id)
  if (isOver || readRuns(destDir)?.at(-1)?.endedMs != null) return statusOf(destDir, tell, watchMs)
  return isAlive ? { ...head, state: 'running', run: now ?? run } : { ...head, state: 'died', run }
}

/** Looks for the process; one that cannot be seen from here is alive when it goes on telling. */
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
    // A file that goes tells of no life.
    if (now !== null && now.updated_at !== updated_at) return true
  }
  return false
}

/** Null when the state is one of a run before the last. */
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
    layers: record.layers?.map((layer) => ({ iden: layer.iden, ...layerCountsOf(layer) })) ?? null,
    verify_ok: verify?.ok ?? null,
  }
}
