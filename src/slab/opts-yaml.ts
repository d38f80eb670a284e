import { existsSync } from 'node:fs'
import { writeWhole } from './write-whole.js'

/**
 * Synapse keeps the options of a writable slab in a file beside it, `x.lmdb` -> `x.opts.yaml`. This is the file without
 * options.
 */
export const NO_OPTIONS = '--- {}\n...\n'

/** The path of the options file of a slab directory, `…/cell.lmdb` -> `…/cell.opts.yaml`. */
export function optsYamlPath(slabPath: string): string {
  return slabPath.replace(/\.lmdb\/*$/, '.opts.yaml')
}

/**
 * Writes the options file of a slab if there is none. An existing file holds the operator's map sizes, so we keep it.
 */
export function ensureOptsYaml(slabPath: string): void {
  const path = optsYamlPath(slabPath)
  if (!existsSync(path)) writeWhole(path, NO_OPTIONS)
}
