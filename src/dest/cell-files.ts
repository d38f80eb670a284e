import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { writeWhole } from '../slab/write-whole.js'

/** How cell steps read and write files of the destination. Paths are absolute. */
export interface CellFiles {
  /** Null when there is no such file. */
  read(path: string): string | null
  write(path: string, content: string | Uint8Array): void
  /** Renames a file and replaces any file with the new name. */
  move(from: string, to: string): void
}

/** The actual files on disk. */
export const cellFiles: CellFiles = {
  read: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : null),
  write: writeWhole,
  move(from, to) {
    rmSync(to, { force: true })
    renameSync(from, to)
  },
}
