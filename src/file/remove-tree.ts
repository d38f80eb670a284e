import { lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import type { Path } from './at-path.js'

/** Removes a file, or a directory with everything in it, whatever bytes the names hold. Does not follow links. */
export function removeTree(path: Path): void {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return
  if (!stats.isDirectory()) {
    unlinkSync(path)
    return
  }
  for (const name of readdirSync(path, { encoding: 'buffer' })) removeTree(joinPath(path, name))
  rmdirSync(path)
}

/** Joins names that may not be UTF-8 to a directory's path. */
export function joinPath(dir: Path, ...names: readonly Path[]): Buffer {
  return Buffer.concat([Buffer.from(dir), ...names.flatMap((name) => [Buffer.from('/'), Buffer.from(name)])])
}
