import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'
import { MigrationError } from '../errors.js'

/**
 * Sets the nice value of this process: all of its threads, and everything that they start from now on.
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
    // The thread has ended in the meantime.
    if ((error as { info?: { code?: string } }).info?.code !== 'ESRCH') throw error
  }
}

/** Linux has a nice value for each thread; a new thread inherits it. */
function threadIds(): number[] {
  try {
    return readdirSync('/proc/self/task').map(Number)
  } catch {
    return [0]
  }
}
