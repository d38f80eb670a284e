import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MigrationError } from '../errors.js'

/** One run at a time writes a destination: a file that names the process, which no later process can be mistaken for. */
export class RunLock {
  private constructor(private readonly path: string) {}

  /** @throws {MigrationError} ERR_LOCKED while the process that holds it lives */
  static take(destDir: string): RunLock {
    const dir = join(destDir, 'migration')
    const path = join(dir, 'run.lock')
    const own = `${path}.${process.pid}`
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      // The file has its content before it has its name: nobody ever reads half a lock.
      writeFileSync(own, `${process.pid} ${processStart(process.pid)}\n`)
      try {
        while (!linkNew(own, path)) removeStale(path, destDir)
      } finally {
        rmSync(own, { force: true })
      }
      removeLeftOver(dir)
    } catch (cause) {
      if (cause instanceof MigrationError) throw cause
      throw new MigrationError('ERR_DEST', `Cannot write to "${destDir}": ${(cause as Error).message}`, {
        cause,
        hint: 'Check the disk of the destination, its free space and its permissions',
      })
    }
    return new RunLock(path)
  }

  /** The process that holds a destination's lock, or null. Takes nothing. */
  static holder(destDir: string): number | null {
    const [pid, start] = readLock(join(destDir, 'migration', 'run.lock'))?.split(' ') ?? []
    return pid !== undefined && processStart(Number(pid)) === start ? Number(pid) : null
  }

  release(): void {
    rmSync(this.path, { force: true })
  }
}

/** Removes what processes that are gone have left unfinished: on their way to the lock, and files half written. */
function removeLeftOver(dir: string): void {
  for (const name of readdirSync(dir)) {
    const pid = /^run\.lock\.(?:stale\.)?(\d+)$/.exec(name)?.[1]
    const isStale = pid === undefined ? name.endsWith('.part') : processStart(Number(pid)) === ''
    if (isStale) rmSync(join(dir, name), { recursive: true, force: true })
  }
}

function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw err
  }
}

/** Removes the lock of a process that is gone, and of nobody else. */
function removeStale(path: string, destDir: string): void {
  const found = readLock(path)
  if (found === null) return
  const [pid, start] = found.split(' ')
  if (processStart(Number(pid)) === start) {
    throw new MigrationError('ERR_LOCKED', `Cannot migrate to "${destDir}": process ${pid} is migrating to it`, {
      hint: 'Wait for it to end, or stop it',
    })
  }
  // Somebody else may have done the same and taken the lock since: what was moved away is looked at again.
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return
    throw err
  }
  if (readLock(aside) !== found) linkNew(aside, path)
  rmSync(aside, { force: true })
}

function readLock(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw err
  }
}

/** When a process was started, in clock ticks since boot, with the boot's id: pids are used again. Empty when it is gone. */
function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}@${boot}`
  } catch {
    return isAlive(pid) ? 'unknown' : ''
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (err) {
    return (err as NodeJS.ErrnoException).code === 'EPERM'
  }
}
