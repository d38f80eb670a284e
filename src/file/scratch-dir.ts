import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { MigrationError } from '../errors.js'

const PREFIX = 'synapse-migrator-'
/** Usually there when the system's directory is missing, read-only or full, as in a hardened container. */
const OTHERS = ['/var/tmp', '/dev/shm']
/** We call a disk full when it cannot take this much. */
const PROBE_BYTES = 1 << 20

/**
 * Makes a directory for temporary files in the first place that can hold one: `wanted`, the system's
 * (`TMPDIR`), other usual places, and beside `nearby`. The caller removes it.
 *
 * @param wanted a directory; skipped when it does not exist
 * @param nearby a path that need not exist
 * @param places for tests
 * @throws {MigrationError} ERR_DEST when no place works
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
