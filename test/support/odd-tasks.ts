// Tasks that end in other ways than those of src/tasks.ts, for task-pool.test.ts.
import type { MessagePort } from 'node:worker_threads'
import { MigrationError } from '../../src/errors.js'
import { overWire } from '../../src/thread/over-wire.js'
import { toWire } from '../../src/thread/wire-error.js'

/** Ends its thread. */
export function extractNodes(): never {
  process.exit(3)
}

/** Throws what no task expects. */
export function mergeRuns(): never {
  throw new TypeError('boom')
}

/** Hands over an error of ours. */
export function copyNodedata() {
  return { error: toWire(new MigrationError('ERR_SLAB_CORRUPT', 'Cannot read slab "x"', { hint: 'look at it' })) }
}

/** Waits forever, as a task does whose writer is gone. */
export function extractSpliceRange(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** Returns an object. */
export const checkRun = overWire(() => ({ some: 'counts' }))

/** Closes the port that it has, and is done. */
export const checkPages = overWire(({ port }: { port: MessagePort }) => port.close())
