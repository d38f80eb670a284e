import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { MigrationError } from '../errors.js'
import { atPath, readHint, whyUnreadable } from '../file/at-path.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'

/** The first bytes of archives and compressed files: offset, and bytes in hex. */
const ARCHIVES: readonly (readonly [at: number, magic: string])[] = [
  [257, '7573746172'], // tar
  [0, '1f8b'], // gzip
  [0, '504b0304'], // zip
  [0, '425a68'], // bzip2
  [0, 'fd377a585a00'], // xz
  [0, '28b52ffd'], // zstd
  [0, '377abcaf271c'], // 7z
]
const MAGIC_BYTES = 264
/** How many entries of a directory we search for a Cortex. */
const MOST_TRIED = 50
const GIVE_CORTEX = 'Give the directory of a 0.1.x Cortex, the one that holds cell.guid'

/**
 * Why a directory is not a Cortex, and what it is instead; null when it has a cell slab and a directory of layers.
 *
 * @param action what the user asked for
 * @param destDir the other directory of the command, which the user may have meant
 */
export function whyNoCortex(dir: string, action: 'read source' | 'inspect', destDir?: string): MigrationError | null {
  const found = whatElse(dir)
  // `inspect` also works on a Cortex that has lost its layers.
  if (found === null || (action === 'inspect' && found.isCell)) return null
  const isSwapped = destDir !== undefined && is01xCortex(destDir)
  const hint = isSwapped ? `"${destDir}" holds a 0.1.x Cortex: swap the two directories` : found.hint
  return new MigrationError('ERR_SOURCE', `Cannot ${action} "${dir}": ${found.text}`, { hint })
}

/** Whether a directory holds a 0.1.x Cortex: one with a layer in that layout. False when it cannot be read. */
export function is01xCortex(dir: string): boolean {
  try {
    const { layers, layer, slab } = cortexPaths(dir)
    if (!SlabReader.exists(slab('cell')) || atPath(layers).kind !== 'directory') return false
    return readdirSync(layers).some((name) => SlabReader.exists(layer(name).slab('layer')))
  } catch {
    return false
  }
}

interface WhatElse {
  readonly text: string
  readonly hint: string
  /** Whether it has a cell slab, but no layers. */
  readonly isCell?: boolean
}

function whatElse(dir: string): WhatElse | null {
  const at = atPath(dir)
  if (at.kind === 'unreachable') return { text: at.reason, hint: at.hint }
  if (at.kind === 'absent') {
    if (!dir.includes('\ufffd')) return { text: 'it does not exist', hint: GIVE_CORTEX }
    const hint = 'Make a link to it whose name is plain ASCII, and give that'
    return { text: 'it does not exist, or its name is not UTF-8', hint }
  }
  const unreadable = whyUnreadable(dir)
  if (unreadable !== null) return { text: unreadable, hint: readHint(dir) }
  if (at.kind !== 'directory') {
    if (at.kind === 'file' && isArchive(dir)) {
      return { text: 'it is an archive', hint: 'Unpack it, keeping the holes of its files, and give the directory' }
    }
    return { text: 'it is not a directory', hint: GIVE_CORTEX }
  }
  return whatElseDir(dir)
}

function whatElseDir(dir: string): WhatElse | null {
  const paths = cortexPaths(dir)
  const names = readdirSync(dir)
  if (names.length === 0) {
    return { text: 'it is empty', hint: `If it should hold the Cortex, mount its disk. ${GIVE_CORTEX}` }
  }
  if (names.includes('data.mdb')) return { text: 'it is a slab, a part of a Cortex', hint: GIVE_CORTEX }
  const isAxon = ['axon.lmdb', 'blob.lmdb'].some((name) => SlabReader.exists(join(dir, name)))
  const hasLayers = atPathOrThrow(paths.layers) === 'directory'
  if (isAxon && !hasLayers) {
    return { text: 'it is an Axon, not a Cortex', hint: GIVE_CORTEX }
  }
  const hasCell = SlabReader.exists(paths.slab('cell'))
  if (hasCell && hasLayers) return null
  const inside = names.slice(0, MOST_TRIED).find((name) => isCortex(join(dir, name)))
  const hint = inside === undefined ? GIVE_CORTEX : `"${join(dir, inside)}" holds a Cortex: give that`
  const lacks = hasCell ? 'directory "layers"' : 'slab "slabs/cell.lmdb"'
  return { text: `there is no ${lacks} in it`, hint, isCell: hasCell }
}

function atPathOrThrow(path: string): string {
  const at = atPath(path)
  if (at.kind !== 'unreachable') return at.kind
  throw new MigrationError('ERR_SOURCE', `Cannot read "${path}": ${at.reason}`, { hint: at.hint })
}

function isCortex(dir: string): boolean {
  const { layers, slab } = cortexPaths(dir)
  try {
    return SlabReader.exists(slab('cell')) && atPath(layers).kind === 'directory'
  } catch {
    return false
  }
}

function isArchive(path: string): boolean {
  const head = Buffer.alloc(MAGIC_BYTES)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, head, 0, head.length, 0)
  } finally {
    closeSync(fd)
  }
  return ARCHIVES.some(([at, magic]) => head.toString('hex', at, at + magic.length / 2) === magic)
}
