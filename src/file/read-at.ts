import { readSync } from 'node:fs'

/** A file that is open. */
export interface OpenFile {
  readonly path: string | Buffer
  readonly fd: number
}

/**
 * Reads from a position, or from where the last read ended. Adds the path to a system error: in a whole run nobody else
 * knows which file it was.
 */
export function readAt({ path, fd }: OpenFile, into: Uint8Array, bytes: number, position: number | null): number {
  try {
    return readSync(fd, into, 0, bytes, position)
  } catch (error) {
    throw Object.assign(error as Error, { path: String(path) })
  }
}
