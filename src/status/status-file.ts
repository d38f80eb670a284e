import { readFileSync } from 'node:fs'
import { replaceFile } from '../file/replace-file.js'
import { cortexPaths } from '../layout/paths.js'
import { type RunStatus, runStatus } from './run-status.js'

/** The last status that a run wrote to a destination; null when there is none, or it cannot be read. */
export function readStatus(destDir: string): RunStatus | null {
  try {
    return runStatus.parse(JSON.parse(readFileSync(cortexPaths(destDir).migration.status, 'utf8')))
  } catch {
    return null
  }
}

/** Writes the status of a run, unless another run has begun to write its own. Returns whether it did. */
export function keepStatus(destDir: string, status: RunStatus, isFirst: boolean): boolean {
  const path = cortexPaths(destDir).migration.status
  if (!isFirst && isOfOther(path, status.run_id)) return false
  replaceFile(path, `${JSON.stringify(status)}\n`)
  return true
}

/** A missing or unreadable status counts as nobody's. */
function isOfOther(path: string, runId: string): boolean {
  try {
    const { run_id: found } = JSON.parse(readFileSync(path, 'utf8')) as { run_id?: unknown }
    return found !== runId
  } catch {
    return false
  }
}
