import { readFileSync } from 'node:fs'
import { MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { atPath, isThere, readHint, whyUnreadable } from './at-path.js'

/**
 * The text of a file, or null when there is none.
 *
 * @throws {MigrationError} ERR_SOURCE when this user may not read it, it is not a file, or a link leads nowhere
 */
export function readText(path: string): string | null {
  if (!isThere(path)) return null
  // Reading a pipe would wait for a writer.
  if (atPath(path).kind !== 'file') {
    throw new MigrationError('ERR_SOURCE', `Cannot read "${path}": it is not a regular file`, {
      hint: 'Put the file there that the Cortex had, or remove what is in its place',
    })
  }
  const unreadable = whyUnreadable(path)
  if (unreadable === null) return readFileSync(path, 'utf8')
  throw new MigrationError('ERR_SOURCE', `Cannot read "${path}": ${unreadable}`, { hint: readHint(path) })
}

/** The iden of a Cortex, or null when it has no `cell.guid`. */
export function readCellGuid(dir: string): string | null {
  return readText(cortexPaths(dir).guid)?.trim() ?? null
}
