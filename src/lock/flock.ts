import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

/**
 * Takes the system's lock (flock) of an open file through the `flock` command, as Node has no call for it: the lock belongs to
 * the open file, so that it outlives the command and ends with our process. Null where that cannot be had: the command
 * is missing, or the file system has no such locks.
 */
export function flock(fd: number, how: 'exclusive' | 'shared'): boolean | null {
  const args = [how === 'exclusive' ? '-x' : '-s', '-n', '3']
  const { status, stderr } = spawnSync('flock', args, {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    env: { PATH: path() },
  })
  if (status === 0) return true
  // A command that fails for another reason says which.
  return status === 1 && stderr.length === 0 ? false : null
}

/** Whether a process of this machine, in whatever container, has the system's lock of a file; of other hosts on most network file systems. */
export function isFlocked(file: string): boolean {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch {
    return false
  }
  try {
    return flock(fd, 'shared') === false
  } finally {
    closeSync(fd)
  }
}

function path(): string {
  return process.env.PATH ?? '/usr/bin:/bin'
}
