import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { freemem } from 'node:os'
import { count } from '../text/table.js'

const READ_BYTES = 4 << 20
/** The migration itself needs the rest of the free memory. */
const MOST_OF_FREE = 0.6

/**
 * Reads a file once so that the system caches it: all that `--src-dedicated` can do without locking memory.
 *
 * @returns a line for the log
 */
export function warmFile(path: string): string {
  if (!existsSync(path)) return `Nothing to read into memory at ${path}`
  // Sparse files look as large as their map; count only the blocks in use.
  const bytes = statSync(path).blocks * 512
  if (bytes > freemem() * MOST_OF_FREE) {
    return `Did not read ${path} into memory: it has ${mib(bytes)} MiB, ${mib(freemem())} MiB are free`
  }
  const fd = openSync(path, 'r')
  try {
    const buf = Buffer.allocUnsafe(READ_BYTES)
    while (readSync(fd, buf, 0, READ_BYTES, null) > 0);
  } finally {
    closeSync(fd)
  }
  return `Read ${path} into memory: ${mib(bytes)} MiB (the system may drop it again, memory cannot be locked from here)`
}

function mib(bytes: number): string {
  return count(Math.round(bytes / 2 ** 20))
}
