import { closeSync, existsSync, openSync } from 'node:fs'
import { connect } from 'node:net'
import { basename, dirname } from 'node:path'
import { MigrationError } from '../errors.js'

/**
 * The longest socket path that the system accepts, in bytes. It would cut off the rest, which then names something
 * else.
 */
const MOST_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/**
 * A name for a unix socket that fits: the path itself, or, if it is too long, a path through its open directory. Call
 * `release()` once the socket is connected or closed.
 *
 * @throws {MigrationError} ERR_CONFIG when there is no such name; system errors unchanged
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

/** Whether someone listens at a unix socket. @throws like `shortSocketPath()` */
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
