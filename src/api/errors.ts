import { type ErrorRecord, readErrorRecords } from '../dest/error-records.js'
import { migrationLogPath } from '../dest/migration-log.js'
import { MigrationError } from '../errors.js'

/** How many records to read between two turns of the event loop, because reading them does not wait. */
const RECORDS_PER_TURN = 1000

/**
 * What a migration could not carry over, with everything that the log kept of it, in the order of the migration log.
 *
 * @throws {MigrationError} when the destination has no migration log
 */
export async function* errors(destDir: string): AsyncGenerator<ErrorRecord> {
  const records = readErrorRecords(destDir)
  if (records === null) {
    throw new MigrationError(
      'ERR_PREFLIGHT',
      `Cannot list errors of "${destDir}": there is no ${migrationLogPath(destDir)}`,
      { hint: 'Give the directory of a migrated Cortex' },
    )
  }
  let read = 0
  for (const record of records) {
    yield record
    if (++read % RECORDS_PER_TURN === 0) await new Promise(setImmediate)
  }
}
