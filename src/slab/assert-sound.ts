import { MigrationError } from '../errors.js'
import { SlabReader } from '../page/page-reader.js'
import { walkSlab } from '../page/page-walker.js'

/**
 * Refuses a damaged slab of ours: LMDB would crash on it, or show it as empty.
 *
 * @throws {MigrationError} ERR_DEST
 */
export function assertSound(path: string): void {
  const found = SlabReader.exists(path) ? complaintOf(path) : undefined
  if (found === undefined) return
  throw new MigrationError('ERR_DEST', `Cannot continue with "${path}": ${found}`, {
    hint: 'Check the disk of the destination, delete this directory, and start over with --restart',
  })
}

function complaintOf(path: string): string | undefined {
  try {
    return walkSlab(path).complaints[0]
  } catch (error) {
    if (error instanceof MigrationError) return error.message
    throw error
  }
}
