import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { MigrationError } from '../errors.js'
import { isInside, realPath } from '../file/real-path.js'
import { cortexPaths } from '../layout/paths.js'

/**
 * We never write to the source.
 *
 * @throws {MigrationError} ERR_USAGE when the target is the source or inside it, with links followed
 */
export function refuseInSource(dir: string, srcDir: string, what = 'the report'): void {
  const [real, source] = [realPath(dir), realPath(srcDir)]
  if (real !== source && !isInside(real, source)) return
  throw new MigrationError('ERR_USAGE', `Cannot write ${what} to "${dir}": it is in the source "${srcDir}"`, {
    hint: 'Give a directory elsewhere',
  })
}

/** Removes the old report, because the run is about to change what it describes. */
export function removeReport(destDir: string): void {
  for (const name of ['report.json', 'report.html'])
    rmSync(join(cortexPaths(destDir).migration.dir, name), { force: true })
}
