import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as lmdb from 'lmdb'
import { MigrationError } from '../errors.js'

export type Lmdb = typeof lmdb

export interface LmdbVersion {
  readonly major: number
  readonly minor: number
  readonly patch: number
}

/** LMDB before 0.9.90 writes data format 1, the only one that Synapse's slabs use; 0.9.90 and later write format 2. */
const FIRST_FORMAT_2_PATCH = 90

/** The package's directory: three levels above the compiled code, in dist/src/slab as well as in dist/src/bundle. */
const packageDir = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

let loaded: Promise<Lmdb> | undefined

/**
 * Loads the `lmdb` package; nothing else does. A binding of data format 2 crashes the process on a Synapse slab, so we
 * refuse it here, before anything touches a slab.
 *
 * @throws {MigrationError} ERR_LMDB_BINDING when there is no binding, or one of another data format
 */
export function loadLmdb(): Promise<Lmdb> {
  loaded ??= load()
  return loaded
}

/** Throws ERR_LMDB_BINDING unless the LMDB version is one of data format 1. */
export function checkBinding(version: LmdbVersion): void {
  if (isFormat1(version)) return
  const { major, minor, patch } = version
  const found = `LMDB ${major}.${minor}.${patch} with data format 2`
  throw new MigrationError('ERR_LMDB_BINDING', `Cannot use the LMDB binding: it is ${found}, expected data format 1`, {
    hint: cure(),
  })
}

export function isFormat1({ major, minor, patch }: LmdbVersion): boolean {
  return major === 0 && minor === 9 && patch < FIRST_FORMAT_2_PATCH
}

/**
 * The environment variable that tells `lmdb` where to find a binding: the user's value if set, else our directory.
 * Empty when there is neither; `lmdb` then uses its own binding.
 */
export function bindingEnv(): { LMDB_PREBUILD?: string } {
  const platformDir = join('prebuilds', `${process.platform}-${process.arch}`)
  const dir =
    process.env.LMDB_PREBUILD ?? [...compiledDirs(), packageDir].find((place) => existsSync(join(place, platformDir)))
  return dir === undefined ? {} : { LMDB_PREBUILD: dir }
}

/**
 * Directories for bindings compiled on this machine, the preferred one first: in the package, or in the user's cache
 * for users who cannot write there. Reinstalling packages leaves both alone.
 */
export function compiledDirs(): string[] {
  const name = `lmdb-${lmdbPackageVersion()}`
  const dirs = [join(packageDir, 'build', name)]
  const cache = cacheDir()
  if (cache !== null) dirs.push(join(cache, 'synapse-migrator', name))
  return dirs
}

/** The directory of the npm package `lmdb`. */
export function lmdbPackageDir(): string {
  return dirname(dirname(createRequire(import.meta.url).resolve('lmdb')))
}

export function lmdbPackageVersion(): string {
  return (JSON.parse(readFileSync(join(lmdbPackageDir(), 'package.json'), 'utf8')) as { version: string }).version
}

async function load(): Promise<Lmdb> {
  const before = process.env.LMDB_PREBUILD
  let module: Lmdb
  try {
    Object.assign(process.env, bindingEnv())
    module = await import('lmdb')
  } catch (cause) {
    const reason = String((cause as Error).message).split('\n', 1)[0]
    throw new MigrationError('ERR_LMDB_BINDING', `Cannot load the LMDB binding: ${reason}`, { cause, hint: cure() })
  } finally {
    if (before === undefined) delete process.env.LMDB_PREBUILD
  }
  checkBinding((module as unknown as { version: LmdbVersion }).version)
  return module
}

function cure(): string {
  return `Build it on this machine: node ${join(packageDir, 'bin', 'synapse-migrator.mjs')} setup`
}

function cacheDir(): string | null {
  try {
    return process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  } catch {
    return null // a user without a home
  }
}
