import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import type { Path } from '../file/at-path.js'
import { joinPath, removeTree } from '../file/remove-tree.js'

/** Writes a file so that all of it appears or nothing, whatever happens; see `copyWhole()`. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  whole(path, (part) => writeFileSync(part, content, { flag: 'wx' }))
}

/**
 * Copies a file so that all of it appears or nothing. Its mode is 0600, because files that a Cortex keeps beside its
 * slabs often hold secrets.
 */
export function copyWhole(source: Path, dest: Path): void {
  whole(dest, (part) => copyFileSync(source, part, constants.COPYFILE_EXCL))
}

function whole(path: Path, make: (part: Buffer) => void): void {
  const part = Buffer.concat([Buffer.from(path), Buffer.from('.part')])
  removeTree(part)
  make(part)
  chmodSync(part, 0o600)
  syncPath(part)
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) removeTree(path)
  renameSync(part, path)
}

/** Makes a file durable, or the names in a directory. */
export function syncPath(path: Path): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Makes all files and names below a directory durable. Costs almost nothing for those that already are.
 *
 * @param except a directory to leave alone, its path as `dir` begins
 */
export function syncTree(dir: Path, except?: string): void {
  for (const name of readdirSync(dir, { encoding: 'buffer' })) {
    const path = joinPath(dir, name)
    if (except !== undefined && path.equals(Buffer.from(except))) continue
    const stats = lstatSync(path)
    if (stats.isDirectory()) syncTree(path, except)
    else if (stats.isFile()) syncPath(path)
  }
  syncPath(dir)
}
