import { setImmediate } from 'node:timers/promises'
import { freeOpenBuilders } from '../page/leaf-builder.js'
import { toWire, type Wire } from './wire-error.js'

/**
 * A pool thread runs one task after another without a turn of its event loop. But Node frees the ports that tasks
 * closed only in such a turn: some kilobytes for each stream, and a large layer has hundreds of thousands. So every
 * 16th task we let the event loop run.
 */
const TASKS_PER_TURN = 16

let tasks = 0

/** Wraps a task for a worker thread: its error is returned as data. */
export function overWire<Input, Output>(task: (input: Input) => Output): (input: Input) => Promise<Wire<Output>> {
  return async (input) => {
    if (tasks++ % TASKS_PER_TURN === 0) await setImmediate()
    try {
      return { ok: task(input) }
    } catch (error) {
      freeOpenBuilders()
      return { error: toWire(error) }
    }
  }
}

/** Like overWire(), for a task whose code is loaded on first use. */
export function loaded<Input, Output>(
  load: () => Promise<(input: Input) => Output>,
): (input: Input) => Promise<Wire<Output>> {
  return async (input) => overWire(await load())(input)
}
