import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { assert, type ErrorCode, MigrationError } from '../errors.js'

/** Slab directories. */
export interface SnapshotJob {
  readonly source: string
  readonly dest: string
  /** Whether to read as a registered reader, which writes to the lock file of the source. Default: only when it is in use. */
  readonly registered?: boolean
}

export interface Snapshot extends SnapshotJob {
  /** Rows of all dbs, duplicates counted one by one. */
  readonly rows: number
  /** Size of the copy's data file. */
  readonly bytes: number
}

export type SnapshotAnswer =
  | { readonly ok: Snapshot }
  /** Somebody began to write while it was copied: only a registered reader can copy it now. */
  | { readonly again: true }
  | { readonly fail: { readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined } }

/**
 * Makes compact copies of slabs, each one state of it, also while a Cortex writes to it; only `data.mdb` is made. The
 * sources stay byte for byte as they are, but for the lock file of a slab in use. One child process makes all copies, as
 * a process may open a slab only once.
 *
 * @throws {MigrationError} ERR_SOURCE, ERR_SLAB_CORRUPT … for the first slab that cannot be copied
 */
export async function snapshotSlabs(jobs: readonly SnapshotJob[]): Promise<Snapshot[]> {
  const answers = await runJobs(jobs)
  const again = jobs.filter((_, i) => 'again' in answers[i])
  const retried = await runJobs(again.map((job) => ({ ...job, registered: true })))
  return answers.map((answer, i) => taken('again' in answer ? retried[again.indexOf(jobs[i])] : answer))
}

async function runJobs(jobs: readonly SnapshotJob[]): Promise<SnapshotAnswer[]> {
  if (jobs.length === 0) return []
  const script = fileURLToPath(new URL('./snapshot-process.js', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => undefined) // It dies before it has read: its exit code tells.
  // It stays open: the copying process ends when this one does, and writes nothing any more.
  child.stdin.write(`${JSON.stringify(jobs)}\n`)
  const exit = new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  const [out, err, end] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  const lines = out.split('\n').filter((line) => line !== '')
  return jobs.map(({ source }, i) => {
    if (lines[i] !== undefined) return JSON.parse(lines[i]) as SnapshotAnswer
    throw new MigrationError('ERR_SOURCE', `Cannot copy slab "${source}": the copying process ended with ${end}`, {
      cause: err.trim(),
      hint: 'the slab may be damaged: restore it from a backup',
    })
  })
}

function taken(answer: SnapshotAnswer): Snapshot {
  if ('ok' in answer) return answer.ok
  assert('fail' in answer, () => 'a registered reader was told to copy again')
  const { code, message, hint } = answer.fail
  throw new MigrationError(code, message, hint === undefined ? {} : { hint })
}
