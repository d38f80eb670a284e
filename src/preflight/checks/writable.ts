import { existsSync, readdirSync, statSync } from 'node:fs'
import { nearestDir } from '../../file/real-path.js'
import { cortexPaths } from '../../layout/paths.js'
import { type Check, problem } from '../check.js'

/** How many directories a finding names. */
const MOST_LISTED = 3

/** This user must be able to write to the destination, and to each of its directories that a migration writes to. */
export const writable: Check = ({ options: { destDir }, sys }) => {
  const within = existsSync(destDir) && statSync(destDir).isDirectory() ? dirsOf(destDir) : []
  const closed = [nearestDir(destDir), ...within].filter((path) => statSync(path).isDirectory() && !sys.canWrite(path))
  if (closed.length === 0) return []
  const more = closed.length > MOST_LISTED ? ` and ${closed.length - MOST_LISTED} more` : ''
  const list = closed.slice(0, MOST_LISTED).map((path) => `"${path}"`)
  return [
    problem(
      `Cannot write to ${list.join(', ')}${more}: user ${sys.uid()} may not, or the disk is read-only`,
      `Run as user ${sys.ownerOf(closed[0])}, who owns it, or give --dest another directory`,
    ),
  ]
}

function dirsOf(destDir: string): string[] {
  const { slabs, layers, migration } = cortexPaths(destDir)
  const dirs = [slabs, migration.dir, layers].filter((dir) => existsSync(dir))
  const layerDirs = existsSync(layers) ? readdirSync(layers).map((iden) => cortexPaths(destDir).layer(iden).dir) : []
  return [...dirs, ...layerDirs.filter((dir) => existsSync(dir))]
}
