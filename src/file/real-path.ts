import { existsSync, realpathSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

/** The directory itself, or the nearest one above it that exists. */
export function nearestDir(path: string): string {
  let dir = resolve(path)
  while (!existsSync(dir)) dir = dirname(dir)
  return dir
}

/** The real path, also of something that does not exist yet. */
export function realPath(path: string): string {
  const existing = nearestDir(path)
  return join(realpathSync(existing), relative(existing, resolve(path)))
}

/** Whether a real path lies below a real directory. */
export function isInside(path: string, dir: string): boolean {
  return path.startsWith(dir.endsWith(sep) ? dir : dir + sep)
}
