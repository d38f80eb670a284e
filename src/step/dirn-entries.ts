import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { copiedFiles } from '../source/copied-files.js'

/** Something that step dirn copies; links are followed. */
export interface DirnEntry {
  /** Below the Cortex directory, such as `certs/cas/a.crt` or `slabs/cell.lmdb`. */
  readonly path: string
  readonly kind: 'directory' | 'file' | 'slab'
}

/**
 * All that step dirn copies of what has one name in a Cortex directory, directories before what is in them; nothing for
 * the layers, which have steps of their own, and for what is neither file nor directory.
 */
export function* dirnEntries(srcDir: string, name: string): Generator<DirnEntry> {
  for (const file of copiedFiles(srcDir)) {
    if (!('reason' in file) && file.names[0].equals(Buffer.from(name))) {
      yield { path: file.names.map(String).join('/'), kind: file.kind }
    }
  }
}

/** Whether a path is a slab's directory. */
export function isSlab(path: string): boolean {
  return path.endsWith('.lmdb') && existsSync(join(path, 'data.mdb'))
}
