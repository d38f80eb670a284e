import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MigrationError } from '../errors.js'
import { atPath } from '../file/at-path.js'
import { cortexPaths } from '../layout/paths.js'
import { DirLock } from '../lock/dir-lock.js'

/**
 * One run at a time writes a destination.
 *
 * @param tell takes what is said when a holder of another container or host has to be watched
 * @throws {MigrationError} ERR_LOCKED while another run writes it; ERR_DEST when it cannot be written
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
 * What other runs have left at a destination, as a text that is another one after each: what was seen before the lock was
 * taken holds when it is still the same with it.
 *
 * @throws {MigrationError} ERR_DEST when nobody can tell
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

/** What takeRunLock() would throw because another run writes the destination now, or null. Takes nothing. */
export async function heldByOther(destDir: string, tell: (text: string) => void): Promise<MigrationError | null> {
  const holder = await DirLock.holder(cortexPaths(destDir).migration.runLock, tell)
  if (holder === null) return null
  return new MigrationError('ERR_LOCKED', `Cannot migrate to "${destDir}": ${holder} is migrating to it`, {
    hint: 'Wait for it to end, or stop it',
  })
}

/** Removes files that a run that is gone has half written. */
function removeParts(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (name.endsWith('.part')) rmSync(join(dir, name), { recursive: true, force: true })
  }
}
