import { readFileSync } from 'node:fs'
import { replaceFile } from '../file/replace-file.js'
import { cortexPaths } from '../layout/paths.js'
import { type RunStatus, runStatus } from './run-status.js'

/** What the last run to a destination has said of itself; null when there is nothing, or nothing that can be read. */
export function readStatus(destDir: string): RunStatus | null {
  try {
    return runStatus.parse(JSON.parse(readFileSync(cortexPaths(destDir).migration.status, 'utf8')))
  } catch {
    return null
  }
}

/** Keeps what a run says of itself, unless another one has begun to say something. Returns whether it was kept. */
export function keepStatus(destDir: string, status: RunStatus, isFirst: boolean): boolean {
  const path = cortexPaths(destDir).migration.status
  if (!isFirst && isOfOther(path, status.run_id)) return false
  replaceFile(path, `${JSON.stringify(status)}\n`)
  return true
}

/** What is gone, or cannot be read, is nobody's. */
function isOfOther(path: string, runId: string): boolean {
  try {
    const { run_id: found } = JSON.parse(readFileSync(path, 'utf8')) as { run_id?: unknown }
    return found !== runId
  } catch {
    return false
  }
}
