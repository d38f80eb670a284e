import { statSync } from 'node:fs'
import type { Path } from './at-path.js'

/** A device, and a number there, as the kernel writes them. */
export interface FileId {
  readonly dev: string
  readonly inode: string
}

/** Which file it is, links followed. Numbers of files have 64 bits on some file systems. */
export function fileId(path: Path): FileId {
  const { dev, ino } = statSync(path, { bigint: true })
  return { dev: String(dev), inode: String(ino) }
}
