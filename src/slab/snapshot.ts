import { spawn } from 'node:child_process'
import { on } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { assert, type ErrorCode, MigrationError } from '../errors.js'
import { copySmall } from './small-copy.js'
import type { Snapshot, SnapshotJob } from './snapshot-job.js'

export type SnapshotAnswer =
  | { readonly ok: Snapshot }
  /** Someone started writing during the copy: only a registered reader can copy it now. */
  | { readonly again: true }
  | { readonly fail: { readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined } }

/**
 * Makes compact copies of slabs, each of a single state, even while a Cortex writes to them. Copies only `data.mdb`.
 * Does not change the sources, except for the lock file of a slab in use. A child process copies through LMDB what
 * copySmall() cannot, because a process may open a slab only once.
 *
 * @throws {MigrationError} ERR_SOURCE, ERR_SLAB_CORRUPT … for the first slab that it cannot copy
 */
export function snapshotSlabs(jobs: readonly SnapshotJob[]): Promise<Snapshot[]> {
  return snapshotGroups([jobs])[0]
}

/** Like snapshotSlabs(), for several groups in turn in one process. Each promise settles when its group is copied. */
export function snapshotGroups(groups: readonly (readonly SnapshotJob[])[]): Promise<Snapshot[]>[] {
  const small = groups.map((jobs) => jobs.map(copySmall))
  const left = groups.map((jobs, i) => jobs.filter((_, at) => small[i][at] === null))
  const answers = runJobs(left.flat())
  let at = 0
  return left.map((jobs, i) => {
    const start = at
    at += jobs.length
    const copied = snapshotsOf(jobs, answers.slice(start, at)).then((others) =>
      small[i].map((snapshot) => snapshot ?? (others.shift() as Snapshot)),
    )
    // The caller may await it later and still gets the error. Until then it must not count as an unhandled rejection.
    copied.catch(() => undefined)
    return copied
  })
}

async function snapshotsOf(
  jobs: readonly SnapshotJob[],
  pending: readonly Promise<SnapshotAnswer>[],
): Promise<Snapshot[]> {
  const answers = await Promise.all(pending)
  const again = jobs.filter((_, i) => 'again' in answers[i])
  const retried = await Promise.all(runJobs(again.map((job) => ({ ...job, registered: true }))))
  return answers.map((answer, i) => taken('again' in answer ? retried[again.indexOf(jobs[i])] : answer))
}

function runJobs(jobs: readonly SnapshotJob[]): Promise<SnapshotAnswer>[] {
  if (jobs.length === 0) return []
  const script = fileURLToPath(new URL('../bundle/snapshot-process.cjs', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'pipe'] })
  const end = new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  // Without a process there may be no pipes either.
  const isStarted = child.pid !== undefined
  const failed = Promise.all([isStarted ? text(child.stderr) : '', end]).then(
    ([err, how]) =>
      (source: string) =>
        new MigrationError('ERR_SOURCE', `Cannot copy slab "${source}": the copying process ended with ${how}`, {
          cause: err.trim(),
          hint: 'the slab may be damaged: restore it from a backup',
        }),
  )
  // Jobs ask for it once nothing more comes; until then it must not count as unhandled.
  failed.catch(() => undefined)
  const fail = async (source: string): Promise<never> => {
    throw (await failed)(source)
  }
  if (!isStarted) return jobs.map(({ source }) => fail(source))
  child.stdin.on('error', () => undefined) // It dies before it has read: its exit code tells.
  // It stays open: the copying process ends when this one does, and writes nothing any more.
  child.stdin.write(`${JSON.stringify(jobs)}\n`)
  const lines = on(createInterface(child.stdout), 'line', { close: ['close'] })
  return jobs.map(async ({ source }) => {
    const { value, done } = await lines.next()
    if (done === true) return await fail(source)
    return JSON.parse(value[0]) as SnapshotAnswer
  })
}

function taken(answer: SnapshotAnswer): Snapshot {
  if ('ok' in answer) return answer.ok
  assert('fail' in answer, () => 'a registered reader was told to copy again')
  const { code, message, hint } = answer.fail
  throw new MigrationError(code, message, hint === undefined ? {} : { hint })
}
