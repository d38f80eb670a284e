import { setImmediate } from 'node:timers/promises'
import { toWire, type Wire } from './wire-error.js'

/**
 * A thread of the pool goes from task to task without a turn of its event loop, but ports that tasks have closed are let go of
 * in such a turn only: some kilobytes for each stream, and a large layer has hundreds of thousands.
 */
const TASKS_PER_TURN = 16

let tasks = 0

/** The task as a worker thread offers it: its error comes as data. */
export function overWire<Input, Output>(task: (input: Input) => Output): (input: Input) => Promise<Wire<Output>> {
  return async (input) => {
    if (tasks++ % TASKS_PER_TURN === 0) await setImmediate()
    try {
      return { ok: task(input) }
    } catch (error) {
      return { error: toWire(error) }
    }
  }
}

/** The same for a task whose code is loaded when it is asked for. */
export function loaded<Input, Output>(
  load: () => Promise<(input: Input) => Output>,
): (input: Input) => Promise<Wire<Output>> {
  return async (input) => overWire(await load())(input)
}
