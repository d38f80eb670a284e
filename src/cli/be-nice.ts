import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'
import { MigrationError } from '../errors.js'

/**
 * Gives this process, with all of its threads and what they start from now on, a nice value.
 *
 * @throws {MigrationError} ERR_USAGE when the system does not allow it
 */
export function beNice(value: number): void {
  try {
    for (const thread of threadIds()) setThread(thread, value)
  } catch (cause) {
    throw new MigrationError('ERR_USAGE', `Cannot run with --nice ${value}: ${(cause as Error).message}`, {
      cause,
      hint: 'Give a number from 0 to 19: only root may lower the nice value that a process has',
    })
  }
}

function setThread(thread: number, value: number): void {
  try {
    setPriority(thread, value)
  } catch (error) {
    // It has ended meanwhile.
    if ((error as { info?: { code?: string } }).info?.code !== 'ESRCH') throw error
  }
}

/** Linux has a nice value for each thread; threads that are started later take it over. */
function threadIds(): number[] {
  try {
    return readdirSync('/proc/self/task').map(Number)
  } catch {
    return [0]
  }
}
