import { existsSync } from 'node:fs'
import { writeWhole } from './write-whole.js'

/** Synapse writes its options of a writable slab beside it, `x.lmdb` -> `x.opts.yaml`; without options it is this document. */
export const NO_OPTIONS = '--- {}\n...\n'

/** The path of the options file of a slab directory, `…/cell.lmdb` -> `…/cell.opts.yaml`. */
export function optsYamlPath(slabPath: string): string {
  return slabPath.replace(/\.lmdb\/*$/, '.opts.yaml')
}

/** Writes the options file of a slab that has none; one that is there holds the operator's map sizes and is kept. */
export function ensureOptsYaml(slabPath: string): void {
  const path = optsYamlPath(slabPath)
  if (!existsSync(path)) writeWhole(path, NO_OPTIONS)
}
