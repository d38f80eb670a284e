import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { MigrationError } from '../errors.js'
import { kernelModule } from '../kernel/kernel.js'
import type { Tasks } from '../tasks.js'
import { entries } from './entries.js'
import type { TaskWatch } from './running-tasks.js'
import { unwrap, type Wire } from './wire-error.js'

type Input<Name extends keyof Tasks> = Parameters<Tasks[Name]>[0]
type Output<Name extends keyof Tasks> = ReturnType<Tasks[Name]>

/**
 * How much memory a thread may use for new objects. V8 would let this grow to 48 MiB over a long run. Rows are not
 * objects, so that would save no time; and buffers that nobody uses any more go with the objects that point to them.
 */
export const YOUNG_MIB = 6

/** The worker threads. They run pure synchronous tasks, one per thread at a time. */
export class TaskPool {
  private readonly piscina: Piscina
  /**
   * Rejects when a task could not report the failure itself: a thread did not start, or the receiver of results has
   * ended.
   */
  private broken: Promise<never>
  private isBreakable = false
  /**
   * Functions that reject each unfinished task. A `Promise.race()` with `broken` would keep the results of all tasks
   * until the pool is closed.
   */
  private readonly unended = new Set<(err: unknown) => void>()
  private failure: { readonly err: unknown } | null = null

  /**
   * @param entry the file that exports the tasks; tests pass another one
   * @param running watches the tasks
   */
  constructor(
    readonly workers: number,
    entry: URL = entries.task,
    private readonly running: TaskWatch | null = null,
  ) {
    // V8 compiles hot code in helper threads, which get no CPU time while workers keep every core busy: workers would
    // run slow code for a second. Compiling in the worker itself is faster. (The flag affects threads started from now
    // on.)
    setFlagsFromString('--no-concurrent-recompilation')
    // Threads get the compiled kernel.
    kernelModule()
    this.piscina = new Piscina({
      filename: fileURLToPath(entry),
      minThreads: workers,
      maxThreads: workers,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      // Closing a pool while threads still load ESM through require() aborts Node 20 (21 of 800 runs; none with this
      // flag).
      execArgv: ['--no-experimental-require-module'],
    })
    this.broken = new Promise((_, reject) => this.piscina.once('error', reject))
    this.rejectUnended()
    this.piscina.on('error', () => {})
  }

  /** Ends all tasks when `failure` rejects: they may be waiting for the thing that failed. */
  breakOn(failure: Promise<never>): void {
    this.isBreakable = true
    this.broken = Promise.race([this.broken, failure])
    this.rejectUnended()
  }

  /** Runs a task. Throws the task's error again, with class, code and hint. */
  async run<Name extends keyof Tasks>(
    name: Name,
    input: Input<Name>,
    transfer: MessagePort[] = [],
  ): Promise<Output<Name>> {
    const end = this.running?.begin(name, input)
    const ended = this.piscina.run(input, { name, transferList: transfer })
    ended.catch(() => {})
    try {
      return unwrap((await this.unlessBroken(ended)) as Wire<Output<Name>>)
    } catch (err) {
      // A thread that ends closes its ports; `broken` will soon tell why.
      if (isClosedPort(err) && this.isBreakable) return await this.broken
      throw (err as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY' ? outOfMemory(name, err) : err
    } finally {
      end?.()
    }
  }

  async close(): Promise<void> {
    await this.piscina.destroy()
  }

  private unlessBroken<T>(ended: Promise<T>): Promise<T> {
    const { failure } = this
    if (failure !== null) return Promise.reject(failure.err)
    return new Promise((resolve, reject) => {
      this.unended.add(reject)
      const forget = () => this.unended.delete(reject)
      ended.then(resolve, reject).then(forget)
    })
  }

  private rejectUnended(): void {
    this.broken.catch((err) => {
      this.failure ??= { err }
      for (const reject of this.unended) reject(err)
      this.unended.clear()
    })
  }
}

function isClosedPort(err: unknown): boolean {
  return err instanceof Error && err.name === 'DataCloneError' && err.message.includes('detached')
}

function outOfMemory(task: string, cause: unknown): MigrationError {
  return new MigrationError('ERR_INTERNAL', `Cannot run task ${task}: its thread ran out of memory`, {
    cause,
    hint: 'Give threads more with NODE_OPTIONS=--max-old-space-size=<MiB>, or use fewer --workers; then use --from-last',
  })
}

/** A port for a task, and the other end for the writer thread. */
export function streamPorts(): { task: MessagePort; writer: MessagePort } {
  const { port1, port2 } = new MessageChannel()
  return { task: port1, writer: port2 }
}
