import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { beatText } from './lock-file.js'

/** The thread's start data. */
export interface HeartbeatData {
  readonly path: string
  /** The lock file starts with this as long as the lock is ours. */
  readonly head: string
  readonly beatMs: number
  /** Nonzero once the lock is released. */
  readonly released: Int32Array
  /** For messages. */
  readonly lostText: string
}

/** How long the process has to end on its own after it lost its lock. */
const GRACE_MS = 3000

/**
 * Writes the heartbeat of a lock in a thread of its own, so that it goes on while the main thread is busy, and ends
 * with the process. Opens the file for each beat, because a network file system sends data when the file is closed.
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
    // Another process writes here now. A main thread that is too busy to hear of it must not go on.
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
      // Anything else may be temporary, such as an unreachable server: the next beat tries again.
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'lost' : 'written'
    }
    try {
      found.fill(0)
      readSync(fd, found, 0, found.length, 0)
      if (!found.equals(expected)) return 'lost'
      count++
      writeSync(fd, beatText(count), expected.length)
    } catch {
      // A read or write may fail for the same temporary reasons.
    } finally {
      closeSync(fd)
    }
    return 'written'
  }
}

if (parentPort !== null) beat(workerData as HeartbeatData)
