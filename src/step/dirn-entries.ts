import { existsSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'

/** Something that step dirn copies; links are followed. */
export interface DirnEntry {
  /** Below the Cortex directory, such as `certs/cas/a.crt` or `slabs/cell.lmdb`. */
  readonly path: string
  readonly kind: 'dir' | 'file' | 'slab'
}

/**
 * All that step dirn copies of what has one name in a Cortex directory, directories before what is in them; nothing for
 * the layers, which have steps of their own, and for what is neither file nor directory.
 */
export function* dirnEntries(srcDir: string, name: string): Generator<DirnEntry> {
  const stats = statOf(join(srcDir, name))
  if (name === 'layers' || stats === null) return
  if (stats.isFile()) yield { path: name, kind: 'file' }
  if (!stats.isDirectory()) return
  const leftOut = name.endsWith('axon') || name.endsWith('slabs') ? 'tmp' : 'sock'
  yield* tree(srcDir, name, leftOut)
}

function* tree(srcDir: string, dir: string, leftOut: string): Generator<DirnEntry> {
  yield { path: dir, kind: 'dir' }
  for (const name of readdirSync(join(srcDir, dir)).sort()) {
    const path = join(dir, name)
    const from = join(srcDir, path)
    const stats = statOf(from)
    if (stats === null || name === leftOut) continue
    // A link to a directory above would never come to an end.
    if (stats.isDirectory() && isWithin(realpathSync(join(srcDir, dir)), realpathSync(from))) continue
    if (stats.isFile()) yield { path, kind: 'file' }
    else if (isSlab(from)) yield { path, kind: 'slab' }
    else if (stats.isDirectory()) yield* tree(srcDir, path, leftOut)
  }
}

/** Whether a path is a slab's directory. */
export function isSlab(path: string): boolean {
  return path.endsWith('.lmdb') && existsSync(join(path, 'data.mdb'))
}

function isWithin(path: string, dir: string): boolean {
  return path === dir || path.startsWith(`${dir}/`)
}

/** What a link leads to; null when it leads nowhere, or the file is gone meanwhile. */
function statOf(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null
}
