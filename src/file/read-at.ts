import { readSync } from 'node:fs'

/** A file that is open. */
export interface OpenFile {
  readonly path: string | Buffer
  readonly fd: number
}

/**
 * Reads from a position on, or from where the last read ended. What the system refuses bears the path of the file: of a whole run
 * nobody else knows which one it was.
 */
export function readAt({ path, fd }: OpenFile, into: Uint8Array, bytes: number, position: number | null): number {
  try {
    return readSync(fd, into, 0, bytes, position)
  } catch (error) {
    throw Object.assign(error as Error, { path: String(path) })
  }
}
