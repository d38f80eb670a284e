import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { MigrationError } from '../errors.js'
import type { Tasks } from '../tasks.js'
import { entries } from './entries.js'
import type { TaskWatch } from './running-tasks.js'
import { unwrap, type Wire } from './wire-error.js'

type Input<Name extends keyof Tasks> = Parameters<Tasks[Name]>[0]
type Output<Name extends keyof Tasks> = ReturnType<Tasks[Name]>

/** The worker threads: pure synchronous tasks, as many at a time as there are threads. */
export class TaskPool {
  private readonly piscina: Piscina
  /** Rejects when no task of its own would ever tell: a thread cannot be started, or who takes the results has ended. */
  private broken: Promise<never>
  private isBreakable = false

  /**
   * @param entry file that exports the tasks; tests give another one
   * @param running is told of each task
   */
  constructor(
    readonly workers: number,
    entry: URL = entries.task,
    private readonly running: TaskWatch | null = null,
  ) {
    // V8 compiles hot code in threads of its own, for which workers that keep every core busy leave no time: for a second they
    // run what is not optimized. A worker that compiles for itself is done sooner (it concerns threads that start from now on).
    setFlagsFromString('--no-concurrent-recompilation')
    this.piscina = new Piscina({
      filename: fileURLToPath(entry),
      minThreads: workers,
      maxThreads: workers,
      idleTimeout: Number.POSITIVE_INFINITY,
      // Closing a pool while threads still load ESM through require() aborts Node 20 (21 of 800 runs); without it, none.
      execArgv: ['--no-experimental-require-module'],
    })
    this.broken = new Promise((_, reject) => this.piscina.once('error', reject))
    this.broken.catch(() => {})
    this.piscina.on('error', () => {})
  }

  /** Ends all tasks when that is rejected, as they may wait for what rejects it. */
  breakOn(failure: Promise<never>): void {
    this.isBreakable = true
    this.broken = Promise.race([this.broken, failure])
    this.broken.catch(() => {})
  }

  /** Runs a task; an error that it threw is thrown here with class, code and hint. */
  async run<Name extends keyof Tasks>(
    name: Name,
    input: Input<Name>,
    transfer: MessagePort[] = [],
  ): Promise<Output<Name>> {
    const end = this.running?.begin(name, input)
    const ended = this.piscina.run(input, { name, transferList: transfer })
    ended.catch(() => {})
    try {
      return unwrap((await Promise.race([ended, this.broken])) as Wire<Output<Name>>)
    } catch (err) {
      // Ports are closed by a thread that ends: it tells why, soon.
      if (isClosedPort(err) && this.isBreakable) return await this.broken
      throw (err as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY' ? outOfMemory(name, err) : err
    } finally {
      end?.()
    }
  }

  async close(): Promise<void> {
    await this.piscina.destroy()
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

/** A port for a task, and its other end for the writer thread. */
export function streamPorts(): { task: MessagePort; writer: MessagePort } {
  const { port1, port2 } = new MessageChannel()
  return { task: port1, writer: port2 }
}
