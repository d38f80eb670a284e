import { closeSync, existsSync, openSync } from 'node:fs'
import { connect } from 'node:net'
import { basename, dirname } from 'node:path'
import { MigrationError } from '../errors.js'

/** Bytes that the system takes of a socket's path; what is beyond would be cut off, and name something else. */
const MOST_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/**
 * A name for a unix socket that the system takes whole: the path itself, or one through its open directory when it is
 * longer. `release()` is due when the socket is closed, or connected.
 *
 * @throws {MigrationError} ERR_CONFIG when there is no such name; system errors as they are
 */
export function shortSocketPath(path: string): { readonly path: string; release(): void } {
  if (Buffer.byteLength(path) <= MOST_PATH_BYTES) return { path, release() {} }
  const fd = openSync(dirname(path), 'r')
  const short = `/proc/self/fd/${fd}/${basename(path)}`
  if (existsSync(dirname(short)) && Buffer.byteLength(short) <= MOST_PATH_BYTES) {
    let isOpen = true
    const release = () => {
      if (isOpen) closeSync(fd)
      isOpen = false
    }
    return { path: short, release }
  }
  closeSync(fd)
  throw new MigrationError(
    'ERR_CONFIG',
    `Cannot use the socket "${path}": its path is longer than ${MOST_PATH_BYTES} bytes, which the system does not take`,
    { hint: 'Use a directory with a shorter path, or a symbolic link to it' },
  )
}

/** Whether somebody listens at a unix socket. @throws as `shortSocketPath()` */
export async function isAnswered(file: string): Promise<boolean> {
  const { path, release } = shortSocketPath(file)
  try {
    return await new Promise((resolve) => {
      const probe = connect({ path }, () => {
        probe.destroy()
        resolve(true)
      })
      probe.once('error', () => resolve(false))
    })
  } finally {
    release()
  }
}
