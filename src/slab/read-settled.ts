import { MigrationError } from '../errors.js'
import { SlabReader } from '../page/page-reader.js'

/** How often a slab is read again when its owner commits meanwhile. */
const ATTEMPTS = 20

/**
 * Reads something small of a slab that a Cortex may be writing to; when it commits meanwhile it is read again, so that
 * what is returned is one state.
 *
 * @throws {MigrationError} ERR_SOURCE_CHANGED when it never stands still, and what opening and `read` throw
 */
export function readSettled<T>(path: string, read: (slab: SlabReader) => T): T {
  for (let attempt = 1; ; attempt++) {
    let slab: SlabReader | undefined
    try {
      slab = SlabReader.open(path)
      const result = read(slab)
      slab.assertUnchanged()
      return result
    } catch (error) {
      if (attempt === ATTEMPTS || !mayBeTorn(error, slab)) throw error
    } finally {
      slab?.close()
    }
  }
}

/** Pages that a writer uses again look damaged: only a slab that nobody has written to is. */
function mayBeTorn(error: unknown, slab: SlabReader | undefined): boolean {
  if (slab === undefined) return error instanceof MigrationError && error.code === 'ERR_SLAB_CORRUPT'
  try {
    slab.assertUnchanged()
    return false
  } catch {
    return true
  }
}
