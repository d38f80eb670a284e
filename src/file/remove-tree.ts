import { lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import type { Path } from './at-path.js'

/** Removes a file, or a directory and all in it, whatever bytes its names have; links are not followed. */
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

/** The path of what has a name in a directory. */
export function joinPath(dir: Path, ...names: readonly Path[]): Buffer {
  return Buffer.concat([Buffer.from(dir), ...names.flatMap((name) => [Buffer.from('/'), Buffer.from(name)])])
}
