import { MigrationError } from '../../errors.js'
import { type Check, problem } from '../check.js'

/** The LMDB binding must be the one that was built for Synapse's data format. */
export const binding: Check = async ({ sys }) => {
  try {
    await sys.loadBinding()
    return []
  } catch (error) {
    if (error instanceof MigrationError) return [problem(error.message, error.hint ?? '')]
    throw error
  }
}
