import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DEST_LAYER_SLABS } from '../layout/dest-dbs.js'
import { cortexPaths } from '../layout/paths.js'
import { NO_OPTIONS, optsYamlPath } from '../slab/opts-yaml.js'

/** Files of a slab's directory. */
const SLAB_FILES = ['data.mdb', 'lock.mdb']

/** Something below `layers` that a migration does not make. */
export interface LayerFile {
  readonly kind: 'extra' | 'different' | 'missing'
  /** Its path below the Cortex directory. */
  readonly name: string
  readonly what: 'the directory' | 'the file' | 'the content'
}

/**
 * What a destination has below `layers` besides the slabs of its layers and their options files, and which of these are
 * missing.
 */
export function* strangeLayerFiles(destDir: string, idens: readonly string[]): Generator<LayerFile> {
  const { layers } = cortexPaths(destDir)
  if (!existsSync(layers)) return
  for (const iden of names(layers)) {
    if (idens.includes(iden)) yield* inLayer(join(layers, iden), `layers/${iden}`)
    else yield extra(layers, iden, 'layers')
  }
}

function* inLayer(dir: string, path: string): Generator<LayerFile> {
  if (!statSync(dir).isDirectory()) return
  const found = names(dir)
  for (const slab of DEST_LAYER_SLABS) {
    const options = optsYamlPath(`${slab}.lmdb`)
    if (found.includes(`${slab}.lmdb`) && !found.includes(options))
      yield { kind: 'missing', name: `${path}/${options}`, what: 'the file' }
  }
  for (const name of found) {
    const [, slab = '', end] = /^(.*)\.(lmdb|opts\.yaml)$/.exec(name) ?? []
    if (!(DEST_LAYER_SLABS as readonly string[]).includes(slab)) yield extra(dir, name, path)
    else if (end === 'lmdb') yield* inSlab(join(dir, name), `${path}/${name}`)
    else if (readFileSync(join(dir, name), 'utf8') !== NO_OPTIONS)
      yield { kind: 'different', name: `${path}/${name}`, what: 'the content' }
  }
}

function* inSlab(dir: string, path: string): Generator<LayerFile> {
  if (!statSync(dir).isDirectory()) return
  for (const name of names(dir)) if (!SLAB_FILES.includes(name)) yield extra(dir, name, path)
}

function extra(dir: string, name: string, path: string): LayerFile {
  const isDir = statSync(join(dir, name), { throwIfNoEntry: false })?.isDirectory() === true
  return { kind: 'extra', name: `${path}/${name}`, what: isDir ? 'the directory' : 'the file' }
}

function names(dir: string): string[] {
  return readdirSync(dir).sort()
}
