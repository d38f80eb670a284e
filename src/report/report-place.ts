import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { MigrationError } from '../errors.js'
import { isInside, realPath } from '../file/real-path.js'
import { cortexPaths } from '../layout/paths.js'

/**
 * The source is never written.
 *
 * @throws {MigrationError} ERR_USAGE when the place of what is to be written is the source or lies in it, links followed
 */
export function refuseInSource(dir: string, srcDir: string, what = 'the report'): void {
  const [real, source] = [realPath(dir), realPath(srcDir)]
  if (real !== source && !isInside(real, source)) return
  throw new MigrationError('ERR_USAGE', `Cannot write ${what} to "${dir}": it is in the source "${srcDir}"`, {
    hint: 'Give a directory elsewhere',
  })
}

/** Removes the report of what a run is about to change. */
export function removeReport(destDir: string): void {
  for (const name of ['report.json', 'report.html'])
    rmSync(join(cortexPaths(destDir).migration.dir, name), { force: true })
}
