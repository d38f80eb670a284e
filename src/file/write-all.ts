import { writeSync } from 'node:fs'
import { beforeWrite } from './write-throttle.js'

/** Writes all bytes at a position, or behind what was written last, as fast as `--max-disk` allows. */
export function writeAll(fd: number, bytes: Uint8Array, position: number | null = null): void {
  beforeWrite(bytes.length)
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position === null ? null : position + done)
  }
}
