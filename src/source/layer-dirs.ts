import { readdirSync } from 'node:fs'
import { MigrationError } from '../errors.js'
import { atPath, readHint, whyUnreadable } from '../file/at-path.js'
import { cortexPaths } from '../layout/paths.js'

/** The content of a Cortex's `layers` directory, with links followed. */
export interface LayerDirs {
  /** Names of directories, sorted. */
  readonly dirs: readonly string[]
  /** Names of other files, sorted. */
  readonly files: readonly string[]
  /** Names that we cannot look at, with the reason and what to do about it. */
  readonly unreachable: ReadonlyMap<string, { readonly reason: string; readonly hint: string }>
}

/**
 * Lists the `layers` directory of a source or destination; null when there is none.
 *
 * @throws {MigrationError} ERR_SOURCE when this user may not read it, or a link leads nowhere
 */
export function readLayerDirs(dir: string): LayerDirs | null {
  const { layers } = cortexPaths(dir)
  const found = atPath(layers)
  if (found.kind === 'unreachable') throw cannotList(layers, found.reason, found.hint)
  if (found.kind !== 'directory') return null
  const unreadable = whyUnreadable(layers)
  if (unreadable !== null) throw cannotList(layers, unreadable, readHint(layers))
  const [dirs, files]: [string[], string[]] = [[], []]
  const unreachable = new Map<string, { reason: string; hint: string }>()
  for (const name of readdirSync(layers).sort()) {
    const layer = cortexPaths(dir).layer(name).dir
    const at = atPath(layer)
    const closed = at.kind === 'directory' ? whyUnreadable(layer) : null
    if (at.kind === 'unreachable') unreachable.set(name, at)
    else if (closed !== null) unreachable.set(name, { reason: closed, hint: readHint(layer) })
    else if (at.kind === 'directory') dirs.push(name)
    else files.push(name)
  }
  return { dirs, files, unreachable }
}

function cannotList(path: string, found: string, hint: string): MigrationError {
  return new MigrationError('ERR_SOURCE', `Cannot read "${path}": ${found}`, { hint })
}
