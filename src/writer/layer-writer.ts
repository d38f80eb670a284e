import type { Transferable } from 'node:worker_threads'
import type { Writer } from './writer.js'

/**
 * What the layers of a run need from whoever writes the destination: the writer, or its stand-in in a dry run. Add new
 * methods here first, and the compiler finds the class that lacks one.
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
  | 'notes'
  | 'putBuilt'
  | 'putCheckpoint'
  | 'receive'
  | 'record'
  | 'resume'
  | 'rowsDb'
>

type Method = keyof LayerWriter

/** Calls the writer, from another thread or from the same one. */
export interface LayerWriterPort {
  call<Name extends Method>(
    method: Name,
    args: Parameters<LayerWriter[Name]>[0],
    transfer?: readonly Transferable[],
  ): Promise<Awaited<ReturnType<LayerWriter[Name]>>>
}

/** A port that waits for `done` before it calls the writer. */
export function callsAfter(done: Promise<unknown>, writer: LayerWriterPort): LayerWriterPort {
  return { call: (method, args, transfer) => done.then(() => writer.call(method, args, transfer)) }
}
