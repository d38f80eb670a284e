import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { MigrationError } from '../../errors.js'
import { DirLock } from '../../lock/dir-lock.js'
import { writeWhole } from '../../slab/write-whole.js'
import { isAnswered } from '../../telepath/socket-path.js'
import { newIden } from './auth.js'

/**
 * The service's storage directory, locked for it. Has the reference's layout, so we can take over one of the
 * reference's.
 */
export interface CellDir {
  readonly path: string
  readonly lock: DirLock
  /** `cell.guid`: the service's iden, 32 hex digits. */
  readonly iden: string
  readonly cellSlab: string
  readonly syncSlab: string
  readonly socket: string
}

/** Files that show that a directory is, or should become, a service's. */
const OWN_FILES = ['cell.guid', 'cell.yaml', 'sync.lock']

/**
 * Expands `~` and `$VAR`, and creates the directory (mode 0700, with parents) and its iden if they are missing.
 *
 * @param tell receives messages while we watch a service in another container or host
 * @throws {MigrationError} ERR_CONFIG when the path is not a directory; ERR_LOCKED when a service runs on it
 */
export async function openCellDir(given: string, tell: (text: string) => void): Promise<CellDir> {
  const path = makeDir(expandPath(given), tell)
  const lock = await lockDir(path, tell)
  const socket = join(path, 'sock')
  try {
    // The reference's service does not use our lock.
    if (await isAnswered(socket)) {
      throw new MigrationError('ERR_LOCKED', `Cannot start on "${path}": a service answers at its socket`, {
        hint: 'Stop that one first',
      })
    }
    return {
      path,
      lock,
      iden: storedIden(join(path, 'cell.guid'), tell),
      cellSlab: join(path, 'slabs', 'cell.lmdb'),
      syncSlab: join(path, 'slabs', 'migrsync.lmdb'),
      socket,
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Expands `~` and `$VAR`, and makes the path absolute. */
export function expandPath(path: string): string {
  const home = path === '~' || path.startsWith('~/') ? homedir() + path.slice(1) : path
  return resolve(home.replace(/\$(\w+)|\$\{(\w+)\}/g, (text, a, b) => process.env[a ?? b] ?? text))
}

function makeDir(path: string, tell: (text: string) => void): string {
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) {
      throw new MigrationError('ERR_CONFIG', `Cannot use "${path}" as the service's directory: it is a file`)
    }
    closeToOthers(path, tell)
    return realpathSync(path)
  }
  try {
    mkdirSync(path, { recursive: true })
    chmodSync(path, 0o700)
  } catch (cause) {
    const reason = (cause as Error).message
    throw new MigrationError('ERR_CONFIG', `Cannot make the service's directory "${path}": ${reason}`, { cause })
  }
  return path
}

/** Anyone who can open the socket inside is the service's root user. */
function closeToOthers(path: string, tell: (text: string) => void): void {
  const mode = statSync(path).mode & 0o7777
  if ((mode & 0o077) === 0) return
  const shown = `0${mode.toString(8)}`
  // Such as /tmp or a home: closing it would lock others out of their own files.
  const names = readdirSync(path)
  if (names.length > 0 && !names.some((name) => OWN_FILES.includes(name))) {
    const found = `its mode is ${shown}, and it holds other things than a service does`
    throw new MigrationError('ERR_CONFIG', `Cannot use "${path}" as the service's directory: ${found}`, {
      hint: `Name a directory that only the service uses, or make it so: chmod 700 "${path}"`,
    })
  }
  try {
    chmodSync(path, 0o700)
    tell(`Closed "${path}" to other users: its mode was ${shown}`)
  } catch (error) {
    // For example, a container's volume that belongs to root. Our files inside are readable only by their owner anyway.
    tell(`"${path}" stays open to other users, mode ${shown}: ${(error as Error).message}`)
  }
}

function storedIden(file: string, tell: (text: string) => void): string {
  const found = existsSync(file) ? readFileSync(file, 'utf8').trim() : null
  if (found !== null && /^[0-9a-f]{32}$/.test(found)) return found
  if (found !== null && found !== '') {
    throw new MigrationError('ERR_CONFIG', `Cannot use "${file}": it does not hold 32 hex digits`, {
      hint: 'Restore it, or remove it: the service then gets a new iden',
    })
  }
  if (found === '') tell(`"${file}" was empty, as a power loss leaves it: the service has a new iden`)
  const iden = newIden()
  writeWhole(file, iden)
  return iden
}

async function lockDir(path: string, tell: (text: string) => void): Promise<DirLock> {
  const refusal = `Cannot start on "${path}"`
  try {
    return await DirLock.take(join(path, 'sync.lock'), { refusal, doing: 'runs a service there', tell })
  } catch (cause) {
    if (cause instanceof MigrationError) throw cause
    throw new MigrationError('ERR_CONFIG', `${refusal}: ${(cause as Error).message}`, {
      cause,
      hint: 'Check the disk of the directory, its free space and its permissions',
    })
  }
}
