import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { beatText } from './lock-file.js'

/** What the thread is started with. */
export interface HeartbeatData {
  readonly path: string
  /** What the lock's file begins with as long as it is ours. */
  readonly head: string
  readonly beatMs: number
  /** Not zero when the lock is given back. */
  readonly released: Int32Array
  /** For messages. */
  readonly lostText: string
}

/** The process has so long to end by itself when it has lost its lock. */
const GRACE_MS = 3000

/**
 * Writes the heartbeat of a lock from a thread of its own: it goes on while the main thread is busy, and ends with the process.
 * The file is opened for each beat, as a network file system passes on what was written when it is closed.
 */
function beat({ path, head, beatMs, released, lostText }: HeartbeatData): void {
  const expected = Buffer.from(head)
  const found = Buffer.alloc(expected.length)
  let count = 0
  const timer = setInterval(() => {
    const state = once()
    if (Atomics.load(released, 0) !== 0) return clearInterval(timer)
    if (state === 'written') return
    clearInterval(timer)
    parentPort?.postMessage('lost')
    // Somebody else writes here now: a main thread that is too busy to listen must not go on.
    setTimeout(() => {
      if (Atomics.load(released, 0) !== 0) return
      writeSync(2, `error: ${lostText}\n`)
      process.kill(process.pid, 'SIGKILL')
    }, GRACE_MS)
  }, beatMs)

  function once(): 'written' | 'lost' {
    let fd: number
    try {
      fd = openSync(path, 'r+')
    } catch (error) {
      // What cannot be reached now, as while a server is away, is tried again.
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'lost' : 'written'
    }
    try {
      found.fill(0)
      readSync(fd, found, 0, found.length, 0)
      if (!found.equals(expected)) return 'lost'
      count++
      writeSync(fd, beatText(count), expected.length)
    } catch {
      // As above.
    } finally {
      closeSync(fd)
    }
    return 'written'
  }
}

if (parentPort !== null) beat(workerData as HeartbeatData)
