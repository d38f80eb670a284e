import { type Transferable, Worker } from 'node:worker_threads'
import { closeGate, newGate } from '../slab/write-gate.js'
import type { Writer } from '../writer/writer.js'
import type { WriterCall, WriterData, WriterMethod } from '../writer/writer-thread.js'
import { entries } from './entries.js'
import type { TaskWatch } from './running-tasks.js'
import { YOUNG_MIB } from './task-pool.js'
import { unwrap, type Wire } from './wire-error.js'

/** A transaction that takes longer must be stuck. */
const TRANSACTION_LIMIT_MS = 30_000

type Args<Method extends WriterMethod> = Parameters<Writer[Method]>[0]
type Result<Method extends WriterMethod> = Awaited<ReturnType<Writer[Method]>>

type WriterLogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR'

interface WriterAnswer {
  readonly id: number
  readonly wire: Wire<never>
}

interface WriterLine {
  readonly log: { readonly level: WriterLogLevel; readonly text: string }
}

interface Pending {
  readonly resolve: (wire: Wire<never>) => void
  readonly reject: (err: Error) => void
}

/** The writer thread as an object, with a call for each of its methods. */
export class WriterClient {
  /** Rejects when the thread ends on its own: nobody receives pages any more, and tasks would wait forever. */
  readonly broken: Promise<never>
  private readonly gate = newGate()
  private readonly worker = new Worker(entries.writer, {
    workerData: { gate: this.gate } satisfies WriterData,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  })
  private readonly pending = new Map<number, Pending>()
  private nextId = 0
  private failed: Error | null = null
  private breakWith: (err: Error) => void = () => {}
  /** When the process exits it ends its threads, which would hang while one is in a transaction. */
  private readonly onExit = () => {
    if (!closeGate(this.gate, TRANSACTION_LIMIT_MS)) process.kill(process.pid, 'SIGKILL')
  }

  /**
   * @param log receives the lines that the steps write
   * @param running watches the calls
   */
  constructor(
    log: (level: WriterLogLevel, text: string) => void,
    private readonly running: TaskWatch | null = null,
  ) {
    this.broken = new Promise((_, reject) => {
      this.breakWith = reject
    })
    this.broken.catch(() => {})
    process.on('exit', this.onExit)
    this.worker.on('message', (message: WriterAnswer | WriterLine) => {
      if ('log' in message) return log(message.log.level, message.log.text)
      const { id, wire } = message
      const call = this.pending.get(id)
      this.pending.delete(id)
      call?.resolve(wire)
    })
    this.worker.on('error', (err) => this.fail(err as Error))
    this.worker.on('exit', (code) => this.fail(new Error(`The writer thread ended with code ${code}`)))
  }

  async call<Method extends WriterMethod>(
    method: Method,
    args: Args<Method>,
    transfer: readonly Transferable[] = [],
  ): Promise<Result<Method>> {
    if (this.failed !== null) throw this.failed
    const id = this.nextId++
    const end = this.running?.begin(method, args)
    const wire = await new Promise<Wire<never>>((resolve, reject) => {
      this.pending.set(id, { resolve, reject })
      const message: WriterCall = { id, method, args }
      this.worker.postMessage(message, [...transfer])
    }).finally(end)
    return unwrap(wire as Wire<Result<Method>>)
  }

  async close(): Promise<void> {
    this.worker.removeAllListeners('exit')
    if (!closeGate(this.gate, TRANSACTION_LIMIT_MS)) return
    await this.worker.terminate()
    process.off('exit', this.onExit)
  }

  private fail(err: Error): void {
    this.failed ??= err
    for (const { reject } of this.pending.values()) reject(this.failed)
    this.pending.clear()
    this.breakWith(this.failed)
  }
}
