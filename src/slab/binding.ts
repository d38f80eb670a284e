import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as lmdb from 'lmdb'
import { MigrationError } from '../errors.js'

export type Lmdb = typeof lmdb

/** LMDB up to 0.9.7x writes data format 1, the only one that Synapse's slabs use; 0.9.90 and later write format 2. */
const FIRST_FORMAT_2_PATCH = 90

let loaded: Promise<Lmdb> | undefined

/**
 * Loads the `lmdb` package; the only place that does. A binding of data format 2 crashes the process on a Synapse slab,
 * so it is refused here, before any slab is touched.
 *
 * @throws {MigrationError} ERR_LMDB_BINDING when there is no binding, or one of another data format
 */
export function loadLmdb(): Promise<Lmdb> {
  loaded ??= load()
  return loaded
}

/** Throws ERR_LMDB_BINDING unless the LMDB version is one of data format 1. */
export function checkBinding(version: { major: number; minor: number; patch: number }): void {
  const { major, minor, patch } = version
  if (major === 0 && minor === 9 && patch < FIRST_FORMAT_2_PATCH) return
  const found = `LMDB ${major}.${minor}.${patch} with data format 2`
  throw new MigrationError('ERR_LMDB_BINDING', `Cannot use the lmdb binding: it is ${found}, expected data format 1`, {
    hint: cure(),
  })
}

async function load(): Promise<Lmdb> {
  let module: Lmdb
  try {
    module = await import('lmdb')
  } catch (cause) {
    throw new MigrationError('ERR_LMDB_BINDING', 'Cannot load the lmdb binding: it is not built for this Node', {
      cause,
      hint: cure(),
    })
  }
  checkBinding((module as unknown as { version: { major: number; minor: number; patch: number } }).version)
  return module
}

function cure(): string {
  // Two levels below the compiled code's root: dist/src/slab.
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
  return `run: node ${join(root, 'bin', 'setup-lmdb.mjs')}`
}
