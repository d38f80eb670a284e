import { readSync } from 'node:fs'

/** A file that is open. */
export interface OpenFile {
  readonly path: string | Buffer
  readonly fd: number
}

/** Fills a buffer from a position. Returns false when the file ends before. */
export function readWhole(file: OpenFile, into: Uint8Array, position: number): boolean {
  for (let done = 0; done < into.length; ) {
    const got = readAt(file, into.subarray(done), into.length - done, position + done)
    if (got === 0) return false
    done += got
  }
  return true
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
