import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { MigrationError } from '../errors.js'

const PREFIX = 'synapse-migrator-'
/** What is surely there where the usual directory is missing, read-only or full, as in a hardened container. */
const OTHERS = ['/var/tmp', '/dev/shm']
/** A disk on which so much does not fit is full. */
const PROBE_BYTES = 1 << 20

/**
 * Makes a directory for temporary files in the first place where one can be made and written to: the wanted one, the
 * system's (`TMPDIR`), others of the system, and beside `nearby`. Whoever asks removes it.
 *
 * @param wanted a directory; it is passed over when it is not there
 * @param nearby a path that need not be there
 * @param places for tests
 * @throws {MigrationError} ERR_DEST when there is none
 */
export function makeScratchDir(
  wanted: string | null,
  nearby: string | null,
  places: readonly string[] = [tmpdir(), ...OTHERS],
): string {
  const all = [wanted, ...places, nearby === null ? null : nearestParent(nearby)].filter((place) => place !== null)
  const reasons: string[] = []
  for (const place of new Set(all)) {
    try {
      return madeIn(place)
    } catch (error) {
      reasons.push((error as Error).message)
    }
  }
  throw new MigrationError('ERR_DEST', `Cannot make a directory for temporary files: ${reasons.join('; ')}`, {
    hint: 'Set TMPDIR to a directory that can be written and has room',
  })
}

function madeIn(place: string): string {
  const dir = mkdtempSync(join(place, PREFIX))
  try {
    const probe = join(dir, 'probe')
    writeFileSync(probe, Buffer.alloc(PROBE_BYTES))
    rmSync(probe)
    return dir
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
}

function nearestParent(path: string): string {
  let dir = dirname(resolve(path))
  while (!existsSync(dir)) dir = dirname(dir)
  return dir
}
