import { statSync } from 'node:fs'
import type { Path } from './at-path.js'

/** A device number and an inode number, as the kernel prints them. */
export interface FileId {
  readonly dev: string
  readonly inode: string
}

/** Identifies a file, with links followed. As text: some file systems use all 64 bits of an inode number. */
export function fileId(path: Path): FileId {
  const { dev, ino } = statSync(path, { bigint: true })
  return { dev: String(dev), inode: String(ino) }
}
