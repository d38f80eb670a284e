import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MigrationError } from '../errors.js'
import { atPath } from '../file/at-path.js'
import { cortexPaths } from '../layout/paths.js'
import { DirLock } from '../lock/dir-lock.js'

/**
 * Only one run at a time may write to a destination.
 *
 * @param tell receives messages while we watch a holder in another container or host
 * @throws {MigrationError} ERR_LOCKED while another run writes to it; ERR_DEST when we cannot write to it
 */
export async function takeRunLock(destDir: string, tell: (text: string) => void): Promise<DirLock> {
  const { dir, runLock } = cortexPaths(destDir).migration
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const refusal = `Cannot migrate to "${destDir}"`
    const lock = await DirLock.take(runLock, { refusal, doing: 'is migrating to it', tell })
    removeParts(dir)
    return lock
  } catch (cause) {
    if (cause instanceof MigrationError) throw cause
    throw new MigrationError('ERR_DEST', `Cannot write to "${destDir}": ${(cause as Error).message}`, {
      cause,
      hint: 'Check the disk of the destination, its free space and its permissions',
    })
  }
}

/**
 * A text about earlier runs at a destination, which changes with each run. If it is the same after we took the lock,
 * then what we saw before still holds.
 *
 * @throws {MigrationError} ERR_DEST when we cannot tell
 */
export function traceOfRuns(destDir: string): string {
  const { checkpoints, log } = cortexPaths(destDir).migration
  const facts = [checkpoints, log].map((slab) => {
    const path = join(slab, 'data.mdb')
    const at = atPath(path)
    if (at.kind === 'unreachable') {
      throw new MigrationError('ERR_DEST', `Cannot migrate to "${destDir}": ${at.reason}`, { hint: at.hint })
    }
    const found = statSync(path, { bigint: true, throwIfNoEntry: false })
    return found === undefined ? '-' : `${found.ino} ${found.size} ${found.mtimeNs}`
  })
  return facts.join(', ')
}

/** Whether there is a lock, whoever has left it. */
export function isLocked(destDir: string): boolean {
  return existsSync(cortexPaths(destDir).migration.runLock)
}

/** The error for a destination that is no longer what we have seen. */
export function otherRun(destDir: string): MigrationError {
  return new MigrationError(
    'ERR_LOCKED',
    `Cannot migrate to "${destDir}": another run has written to it in the meantime`,
    {
      hint: 'Run the same command again: it checks the destination as it is now',
    },
  )
}

/**
 * The error that takeRunLock() would throw because another run is writing to the destination, or null. Does not take
 * the lock.
 */
export async function heldByOther(destDir: string, tell: (text: string) => void): Promise<MigrationError | null> {
  const holder = await DirLock.holder(cortexPaths(destDir).migration.runLock, tell)
  if (holder === null) return null
  return new MigrationError('ERR_LOCKED', `Cannot migrate to "${destDir}": ${holder} is migrating to it`, {
    hint: 'Wait for it to end, or stop it',
  })
}

/** Removes half-written files of runs that are gone. */
function removeParts(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (name.endsWith('.part')) rmSync(join(dir, name), { recursive: true, force: true })
  }
}
