import { MigrationError } from '../errors.js'
import { SlabReader } from '../page/page-reader.js'

/** How often we try again when the owner of the slab commits while we read. */
const ATTEMPTS = 20

/**
 * Reads something small from a slab that a Cortex may be writing to. If the Cortex commits in the meantime, reads
 * again, so that the result is a single state.
 *
 * @throws {MigrationError} ERR_SOURCE_CHANGED when the slab never stands still, and whatever opening and `read` throw
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

/** Pages that a writer reuses look damaged to a reader. The slab is really damaged only if nobody has written to it. */
function mayBeTorn(error: unknown, slab: SlabReader | undefined): boolean {
  if (slab === undefined) return error instanceof MigrationError && error.code === 'ERR_SLAB_CORRUPT'
  try {
    slab.assertUnchanged()
    return false
  } catch {
    return true
  }
}
