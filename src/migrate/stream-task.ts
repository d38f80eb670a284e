import type { MessagePort } from 'node:worker_threads'
import { PAGE_BYTES } from '../page/format.js'
import type { Tasks } from '../tasks.js'
import { type Credits, discard } from '../thread/chunk-sender.js'
import { streamPorts, type TaskPool } from '../thread/task-pool.js'
import type { LayerWriterPort } from '../writer/layer-writer.js'

/** The threads behind a stream: a worker thread makes its pages, the writer thread places them. */
export interface StreamThreads {
  readonly pool: TaskPool
  readonly writer: LayerWriterPort
  readonly credits: Credits
  /** Where streams are that other processes have made; absent when this one makes all. */
  readonly store?: StreamStore
}

/** Streams that one process makes and another one places. */
export interface StreamStore {
  /** The file with the pages of a stream; null when the task has to make them. */
  find(task: keyof StreamTasks, stream: number, input: object): string | null
}

/** Which stream of which slab a task makes. */
export interface StreamPlace {
  readonly slab: string
  readonly stream: number
  /** For streams with keys numbered in sequence: the stream before, or null for the first. */
  readonly previous?: number | null
  /** Resolves when the writer is ready for pages; the task starts at once. */
  readonly ready?: Promise<void>
}

type StreamInput = { readonly stream: number; readonly port: MessagePort; readonly credits: Credits }
export type StreamTasks = {
  [Name in Exclude<keyof Tasks, 'sendStream'> as Parameters<Tasks[Name]>[0] extends StreamInput
    ? Name
    : never]: Tasks[Name]
}
/** A stream task's input without where to send its pages. */
export type OwnInput<Name extends keyof StreamTasks> = Omit<Parameters<StreamTasks[Name]>[0], keyof StreamInput>

/** Runs a task that sends its pages to the writer through a port of its own. Ends when the last page is placed. */
export async function runStream<Name extends keyof StreamTasks>(
  { pool, writer, credits, store }: StreamThreads,
  { slab, stream, previous, ready = Promise.resolve() }: StreamPlace,
  task: Name,
  input: OwnInput<Name>,
): Promise<{ readonly result: ReturnType<StreamTasks[Name]>; readonly pageBytes: number }> {
  const path = store?.find(task, stream, input) ?? null
  const ports = streamPorts()
  const order = previous === undefined ? {} : { previous }
  const placed = ready.then(() =>
    writer.call('receive', { slab, stream, port: ports.writer, credits, ...order }, [ports.writer]),
  )
  placed.catch(() => {})
  ready.catch(() => discard(ports.writer, credits))
  const own = { stream, port: ports.task, credits }
  const made =
    path === null
      ? pool.run(task, { ...input, ...own } as unknown as Parameters<Tasks[Name]>[0], [ports.task])
      : pool.run('sendStream', { path, ...own }, [ports.task])
  const result = await made.catch((error) => {
    // Where both ends are still in this thread, nobody else closes them, and the process would not end.
    for (const port of Object.values(ports)) port.close()
    throw error
  })
  const { pages } = await placed
  return { result: result as ReturnType<StreamTasks[Name]>, pageBytes: pages * PAGE_BYTES }
}
