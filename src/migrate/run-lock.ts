import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MigrationError } from '../errors.js'

/** One run at a time writes a destination: a file that names the process, which no later process can be mistaken for. */
export class RunLock {
  private constructor(private readonly path: string) {}

  /** @throws {MigrationError} ERR_LOCKED while the process that holds it lives */
  static take(destDir: string): RunLock {
    const dir = join(destDir, 'migration')
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const path = join(dir, 'run.lock')
    const lock = new RunLock(path)
    const mine = `${process.pid} ${processStart(process.pid)}\n`
    for (;;) {
      try {
        writeFileSync(path, mine, { flag: 'wx' })
        return lock
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err
      }
      const [pid, start] = readFileSync(path, 'utf8').trim().split(' ')
      if (processStart(Number(pid)) === start) {
        throw new MigrationError('ERR_LOCKED', `Cannot migrate to "${destDir}": process ${pid} is migrating to it`, {
          hint: 'Wait for it to end, or stop it',
        })
      }
      rmSync(path, { force: true })
    }
  }

  release(): void {
    rmSync(this.path, { force: true })
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
