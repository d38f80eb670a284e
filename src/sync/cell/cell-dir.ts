import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { MigrationError } from '../../errors.js'
import { DirLock } from '../../lock/dir-lock.js'
import { newIden } from './auth.js'

/** The storage directory of the service, which it has for itself; laid out as the reference's, so that one can be taken over. */
export interface CellDir {
  readonly path: string
  readonly lock: DirLock
  /** `cell.guid`: who the service is, 32 hex digits. */
  readonly iden: string
  /** `cookie.secret`: what signs the cookies of the status page. */
  readonly cookieSecret: string
  readonly cellSlab: string
  readonly syncSlab: string
  readonly socket: string
}

/**
 * Expands `~` and `$VAR`, makes the directory (mode 0700, with parents) and its identity when they are missing.
 *
 * @param tell takes what is said when a service of another container or host has to be watched
 * @throws {MigrationError} ERR_CONFIG when the path is no directory; ERR_LOCKED when a service runs on it
 */
export async function openCellDir(given: string, tell: (text: string) => void): Promise<CellDir> {
  const path = makeDir(expandPath(given))
  const lock = await lockDir(path, tell)
  const socket = join(path, 'sock')
  try {
    // The reference's service knows nothing of our lock.
    if (await answers(socket)) {
      throw new MigrationError('ERR_LOCKED', `Cannot start on "${path}": a service answers at its socket`, {
        hint: 'Stop that one first',
      })
    }
    return {
      path,
      lock,
      iden: storedIden(join(path, 'cell.guid')),
      cookieSecret: storedIden(join(path, 'cookie.secret')),
      cellSlab: join(path, 'slabs', 'cell.lmdb'),
      syncSlab: join(path, 'slabs', 'migrsync.lmdb'),
      socket,
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Removes what a service that was killed left of its socket, so that a new one can listen. */
export function clearSocket(dir: CellDir): void {
  rmSync(dir.socket, { force: true })
}

/** Expands `~` and `$VAR`, and makes the path absolute. */
export function expandPath(path: string): string {
  const home = path === '~' || path.startsWith('~/') ? homedir() + path.slice(1) : path
  return resolve(home.replace(/\$(\w+)|\$\{(\w+)\}/g, (text, a, b) => process.env[a ?? b] ?? text))
}

function makeDir(path: string): string {
  if (existsSync(path)) {
    if (statSync(path).isDirectory()) return realpathSync(path)
    throw new MigrationError('ERR_CONFIG', `Cannot use "${path}" as the service's directory: it is a file`)
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

function storedIden(file: string): string {
  if (!existsSync(file)) writeFileSync(file, newIden(), { mode: 0o600 })
  return readFileSync(file, 'utf8').trim()
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path: socket })
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
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
