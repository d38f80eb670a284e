import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { MigrationError } from '../errors.js'
import { flock, isFlocked } from './flock.js'
import type { HeartbeatData } from './heartbeat-thread.js'
import { describe, type Identity, isNeighbor, isRunning, ownIdentity } from './identity.js'
import { type LockFile, newLockText, readLockFile } from './lock-file.js'

/** What a process locks a directory for, in words for messages. */
export interface LockUse {
  /** Such as `Cannot migrate to "DIR"`. */
  readonly refusal: string
  /** What the holder does, such as `is migrating to it`. */
  readonly doing: string
  /** Receives messages for a user who waits. */
  readonly tell: (text: string) => void
}

export interface LockTimes {
  /** Time between two heartbeats. */
  readonly beatMs: number
  /** How long to watch a holder that we cannot see: many beats, because disks and servers may be busy. */
  readonly watchMs: number
}

const TIMES: LockTimes = { beatMs: 1000, watchMs: 10_000 }

/** Processes that we cannot see may leave files behind. We remove those that are this much older than our own file. */
const OLD_MS = 3_600_000

/**
 * Lets one process at a time use a directory, whatever container or host it runs in, through a file with the holder's
 * name and heartbeat. If the holder is on the same host and in the same pid namespace, we look for its process.
 * Otherwise it counts as alive if it holds the system's lock on its file, or if its heartbeat changes while we watch.
 * We never compare clocks.
 *
 * The lock file appears as a whole, by a hard link. A process that finds the holder dead links its own file to a name
 * derived from the dead lock's token (`<path>.after-<token>`). Only one process can do that. It then checks that
 * nothing has changed, and renames the file to the lock's name.
 */
export class DirLock {
  /** Rejects when another process has taken the lock, for example after this process stood still for a long time. */
  readonly lost: Promise<never>
  private readonly path: string
  private readonly token: string
  private readonly fd: number
  private readonly worker: Worker
  private readonly released = new Int32Array(new SharedArrayBuffer(4))

  /**
   * @param path the lock file, in an existing directory
   * @throws {MigrationError} ERR_LOCKED while another process holds the lock
   * @throws {Error} from the file system
   */
  static async take(
    path: string,
    use: LockUse,
    { identity = ownIdentity(), times = TIMES }: { identity?: Identity; times?: LockTimes } = {},
  ): Promise<DirLock> {
    const { text, token, beatOffset } = newLockText(identity)
    const own = `${path}.new-${token}`
    const fd = openSync(own, 'wx+', 0o600)
    try {
      writeSync(fd, text)
      fsyncSync(fd)
      flock(fd, 'exclusive')
      while (!(await tryTake(path, own, token, { use, identity, times }))) {}
      removeLeftOver(path, fd, identity)
    } catch (error) {
      closeSync(fd)
      throw error
    } finally {
      rmSync(own, { force: true })
    }
    return new DirLock(path, { token, fd, head: text.slice(0, text.indexOf('\n') + 1), beatOffset }, use, times)
  }

  /** Who holds the lock, in words; null when nobody does. Does not take it. */
  static async holder(
    path: string,
    tell: (text: string) => void,
    { identity = ownIdentity(), times = TIMES }: { identity?: Identity; times?: LockTimes } = {},
  ): Promise<string | null> {
    for (const file of chain(path)) {
      const state = await judge(file, identity, times, tell)
      if (state === 'alive') return holderText(file, identity)
      if (state === 'changed') return DirLock.holder(path, tell, { identity, times })
    }
    return null
  }

  private constructor(
    path: string,
    own: { token: string; fd: number; head: string; beatOffset: number },
    use: LockUse,
    times: LockTimes,
  ) {
    this.path = path
    this.token = own.token
    this.fd = own.fd
    const lostText = `${use.refusal} any longer: another process took "${path}" while this one was paused`
    const workerData: HeartbeatData = {
      path,
      head: own.head,
      beatMs: times.beatMs,
      released: this.released,
      lostText,
    }
    this.worker = new Worker(new URL('../bundle/heartbeat-thread.cjs', import.meta.url), { workerData })
    this.worker.unref()
    this.lost = new Promise((_, reject) => {
      this.worker.once('message', () =>
        reject(
          new MigrationError('ERR_LOCKED', lostText, {
            hint: 'Wait for the other one to finish, then check its result',
          }),
        ),
      )
      this.worker.once('error', reject)
    })
    this.lost.catch(() => {})
  }

  /** Releases the lock and removes its file. */
  release(): void {
    if (Atomics.exchange(this.released, 0, 1) !== 0) return
    void this.worker.terminate()
    try {
      if (readLockFile(this.path)?.token === this.token) rmSync(this.path, { force: true })
    } catch {
      // The disk is gone. The next process will find that we are dead.
    }
    closeSync(this.fd)
  }
}

interface Taking {
  readonly use: LockUse
  readonly identity: Identity
  readonly times: LockTimes
}

/** False when something changed in the meantime; the caller tries again. */
async function tryTake(path: string, own: string, token: string, { use, identity, times }: Taking): Promise<boolean> {
  const files = chain(path)
  const last = files.at(-1)
  if (last === undefined) return linkNew(own, path)
  for (const file of files) {
    const state = await judge(file, identity, times, use.tell)
    if (state === 'changed') return false
    if (state === 'alive') {
      throw new MigrationError('ERR_LOCKED', `${use.refusal}: ${holderText(file, identity)} ${use.doing}`, {
        hint: 'Wait for it to end, or stop it',
      })
    }
  }
  const claim = successorOf(path, last)
  if (!linkNew(own, claim)) return false
  // Another process may have done all this before us, or the old holder may have woken up.
  const isOurs =
    chain(path).at(-1)?.token === token && files.every(({ name, text }) => readLockFile(name)?.text === text)
  if (isOurs) renameSync(claim, path)
  else rmSync(claim, { force: true })
  return isOurs
}

/**
 * The lock, then the process that was about to take it over from a dead holder, then that one's successor, and so on.
 */
function chain(path: string): LockFile[] {
  const files: LockFile[] = []
  for (let file = readLockFile(path); file !== null; file = readLockFile(successorOf(path, file))) files.push(file)
  return files
}

function successorOf(path: string, { token }: LockFile): string {
  return `${path}.after-${token}`
}

async function judge(
  file: LockFile,
  identity: Identity,
  { watchMs }: LockTimes,
  tell: (text: string) => void,
): Promise<'alive' | 'dead' | 'changed'> {
  const { holder, name, text } = file
  if (holder !== null && isNeighbor(holder, identity)) {
    const running = isRunning(holder)
    if (running !== null) return running ? 'alive' : 'dead'
  }
  if (isFlocked(name)) return 'alive'
  const seconds = Math.ceil(watchMs / 1000)
  const who = holderText(file, identity)
  tell(
    `"${basename(name)}" names ${who}, which cannot be seen from here: watching for ${seconds} s to see whether it is alive`,
  )
  for (let left = watchMs; left > 0; left -= watchMs / 40) {
    await wait(watchMs / 40)
    const now = readLockFile(name)
    if (now === null || now.token !== file.token) return 'changed'
    if (now.text !== text) return 'alive'
  }
  tell(`It is not alive: its heartbeat has not changed for ${seconds} s`)
  return 'dead'
}

function holderText({ holder }: LockFile, identity: Identity): string {
  return holder === null ? 'a process that is not known' : describe(holder, identity)
}

/** Gives a file a second name; false when that name is taken. */
function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error
  }
  // A file system without hard links. A process that reads half of the copy will watch it, and see it grow.
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Removes files of processes that were killed while they tried to take the lock. For processes that we cannot see,
 * removes old files.
 */
function removeLeftOver(path: string, own: number, identity: Identity): void {
  const oldMs = fstatSync(own).mtimeMs - OLD_MS
  for (const each of readdirSync(dirname(path))) {
    if (!each.startsWith(`${basename(path)}.`)) continue
    const name = join(dirname(path), each)
    const holder = readLockFile(name)?.holder ?? null
    const isGone = holder !== null && isNeighbor(holder, identity) && isRunning(holder) === false
    // Both times come from the file system, so they are from one clock.
    if (isGone || (statSync(name, { throwIfNoEntry: false })?.mtimeMs ?? 0) < oldMs) rmSync(name, { force: true })
  }
}
