import { accessSync, constants, lstatSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { MigrationError } from '../errors.js'

/** A path as text, or as bytes when a name in it may not be UTF-8. */
export type Path = string | Buffer

/** What a path leads to, with links followed as the system follows them. */
export type AtPath =
  | { readonly kind: 'file' | 'directory' | 'other'; readonly stats: Stats }
  | { readonly kind: 'absent' }
  | Unreachable

/**
 * We cannot tell what is at the path: a link leads nowhere, this user may not search a directory, or the disk does not
 * answer.
 */
export interface Unreachable {
  readonly kind: 'unreachable'
  readonly why: 'link' | 'permission' | 'disk'
  readonly reason: string
  readonly hint: string
}

/** More links than any system follows. */
const MOST_LINKS = 40
const MODE_BITS = 0o7777

/** Looks at a path. Never reports "nothing there" when it could not look. */
export function atPath(path: Path): AtPath {
  let stats: Stats | undefined
  try {
    stats = statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES') {
      const closed = closedDir(bytesOf(path))
      return unreachable('permission', mayNotRead(closed), readHint(closed))
    }
    if (code === 'ELOOP')
      return unreachable('link', `${quoted(path)} is a link that leads back to itself`, 'Correct the link')
    if (code !== 'ENOTDIR') {
      return unreachable(
        'disk',
        `${quoted(path)} cannot be looked at: ${code}`,
        'Check the path, and the disk it is on',
      )
    }
  }
  if (stats === undefined) return lostLink(bytesOf(path)) ?? { kind: 'absent' }
  return { kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other', stats }
}

/**
 * Whether a path of the source exists.
 *
 * @param action completes the message `Cannot <action>: …`
 * @throws {MigrationError} ERR_SOURCE when it cannot tell
 */
export function isThere(path: Path, action = `read ${quoted(path)}`): boolean {
  const found = atPath(path)
  if (found.kind !== 'unreachable') return found.kind !== 'absent'
  throw new MigrationError('ERR_SOURCE', `Cannot ${action}: ${found.reason}`, { hint: found.hint })
}

/** Why this user cannot read the path: `user 1001 may not read "…", owned by 0 (mode 0700)`; null when the user can. */
export function whyUnreadable(path: Path): string | null {
  const found = atPath(path)
  if (found.kind === 'unreachable') return found.reason
  if (found.kind === 'absent') return null
  const { R_OK, X_OK } = constants
  return mayAccess(path, found.kind === 'directory' ? R_OK | X_OK : R_OK) ? null : mayNotRead(path)
}

/** A hint for a path that this user cannot read. */
export function readHint(path: Path): string {
  const owner = ownerAbove(bytesOf(path))
  const allow = `let this one read it: chmod -R a+rX ${quoted(path)}`
  return owner === null ? `Run as its owner, or ${allow}` : `Run as user ${owner}, who owns it, or ${allow}`
}

/** A path in quotes for a message, with bytes that are not UTF-8 as `\xe9`. */
export function quoted(path: Path): string {
  if (typeof path === 'string') return `"${path}"`
  const text = path.toString('utf8')
  if (Buffer.from(text).equals(path)) return `"${text}"`
  const escaped = path.toString('latin1').replace(/[\x80-\xff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`)
  return `"${escaped}"`
}

function unreachable(why: Unreachable['why'], reason: string, hint: string): Unreachable {
  return { kind: 'unreachable', why, reason, hint }
}

/** The broken link in a path. */
function lostLink(path: ByteText): Unreachable | null {
  for (let at = path, up = dirname(at); ; at = up, up = dirname(at)) {
    const stats = linkStats(at)
    if (stats?.isSymbolicLink() === true && isLost(at)) {
      const [link, target] = [fsPath(at), readlinkSync(fsPath(at), { encoding: 'buffer' })]
      const reason = `${quoted(link)} is a link to ${quoted(target)}, which does not exist`
      return unreachable('link', reason, 'Mount or restore what it leads to, or correct the link')
    }
    if (stats !== undefined || at === up) return null
  }
}

/** Whether a link points to nothing, or to a path that runs through a file. */
function isLost(link: ByteText): boolean {
  try {
    return statSync(fsPath(link), { throwIfNoEntry: false }) === undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return true
    throw error
  }
}

/** Stats of the link itself; undefined when nothing is there, or a file is where a directory should be. */
function linkStats(path: ByteText): Stats | undefined {
  try {
    return lstatSync(fsPath(path), { throwIfNoEntry: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}

/** The first directory on a path that this user may not search. */
function closedDir(path: ByteText, links = 0): Buffer {
  const parts = path.split('/').slice(1)
  for (let i = 1; i <= parts.length; i++) {
    const at = `/${parts.slice(0, i).join('/')}`
    if (mayAccess(fsPath(at), constants.X_OK)) continue
    if (links === MOST_LINKS || !lstatSync(fsPath(at)).isSymbolicLink()) return fsPath(at)
    const target = resolve(dirname(at), readlinkSync(fsPath(at), { encoding: 'latin1' }))
    return isClosed(target) ? closedDir(target, links + 1) : fsPath(target)
  }
  return fsPath(path)
}

/** Whether a directory on the way is closed, rather than the thing itself. */
function isClosed(path: ByteText): boolean {
  try {
    statSync(fsPath(path))
    return false
  } catch {
    return true
  }
}

function mayNotRead(path: Path): string {
  const { uid, mode } = statSync(path)
  const bits = (mode & MODE_BITS).toString(8).padStart(4, '0')
  return `user ${process.geteuid?.() ?? 0} may not read ${quoted(path)}, owned by ${uid} (mode ${bits})`
}

/** Whether this process may access a path in the way of `fs.constants.R_OK`, `W_OK` and `X_OK`. */
export function mayAccess(path: Path, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

/** The owner of the nearest parent that we can look at. */
function ownerAbove(path: ByteText): number | null {
  for (let at = path, up = dirname(at); ; at = up, up = dirname(at)) {
    try {
      return statSync(fsPath(at)).uid
    } catch {
      if (at === up) return null
    }
  }
}

/** An absolute path with one character per byte, so that text functions work on any name. */
type ByteText = string

function bytesOf(path: Path): ByteText {
  const [cwd, given] = [Buffer.from(process.cwd()), Buffer.from(path)]
  return resolve(cwd.toString('latin1'), given.toString('latin1'))
}

function fsPath(path: ByteText): Buffer {
  return Buffer.from(path, 'latin1')
}
