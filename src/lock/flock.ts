import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

/**
 * Takes the system's lock (flock) on an open file with the `flock` command, as Node has no call for it. The lock
 * belongs to the open file, so it outlives the command and ends with our process. Null when that does not work: no such
 * command, or a file system without locks.
 */
export function flock(fd: number, how: 'exclusive' | 'shared'): boolean | null {
  const args = [how === 'exclusive' ? '-x' : '-s', '-n', '3']
  const { status, stderr } = spawnSync('flock', args, {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    env: { PATH: path() },
  })
  if (status === 0) return true
  // A command that fails for any other reason prints it.
  return status === 1 && stderr.length === 0 ? false : null
}

/**
 * Whether a process on this machine, in any container, holds the system's lock on a file. Most network file systems
 * also report locks of other hosts.
 */
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
