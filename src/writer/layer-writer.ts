import type { Transferable } from 'node:worker_threads'
import type { Writer } from './writer.js'

/**
 * What the layers of a run ask of who writes the destination: the writer, or what stands in for it in a dry run. What is
 * asked for in addition is named here first, and the compiler then names who lacks it.
 */
export type LayerWriter = Pick<
  Writer,
  | 'abrvDbs'
  | 'build'
  | 'checkpoint'
  | 'commit'
  | 'commitRuns'
  | 'drop'
  | 'dropCheckpoint'
  | 'finishDb'
  | 'finishSlab'
  | 'forget'
  | 'installSlabs'
  | 'putBuilt'
  | 'putCheckpoint'
  | 'receive'
  | 'record'
  | 'resume'
  | 'rowsDb'
>

type Method = keyof LayerWriter

/** The way to it, from another thread or the same one. */
export interface LayerWriterPort {
  call<Name extends Method>(
    method: Name,
    args: Parameters<LayerWriter[Name]>[0],
    transfer?: readonly Transferable[],
  ): Promise<Awaited<ReturnType<LayerWriter[Name]>>>
}

/** The port of a writer that may be called only when something is done. */
export function callsAfter(done: Promise<unknown>, writer: LayerWriterPort): LayerWriterPort {
  return { call: (method, args, transfer) => done.then(() => writer.call(method, args, transfer)) }
}
