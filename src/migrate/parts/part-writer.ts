import { renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { StreamResult } from '../../dest/slab-build.js'
import { assert } from '../../errors.js'
import { syncRuns } from '../../run/run-file.js'
import { release, type StreamMessage } from '../../thread/chunk-sender.js'
import type { LayerWriter } from '../../writer/layer-writer.js'
import { NoWriter } from '../no-writer.js'
import type { StreamStore } from '../stream-task.js'
import { pieceKey, pieceOf, streamName } from './pieces.js'
import { type StreamEnd, StreamFileWriter } from './stream-file.js'

type Args<Name extends keyof LayerWriter> = Parameters<LayerWriter[Name]>[0]

interface Ended extends Omit<StreamEnd, 'result'> {
  readonly file: StreamFileWriter
}

/**
 * Replaces the writer while a part of a layer is made: what tasks send goes to files, for the process that finishes the
 * layer. What the writer would put into a checkpoint is the end of the file.
 */
export class PartWriter extends NoWriter implements LayerWriter {
  readonly store: StreamStore = {
    find: (task, stream, input) => {
      this.pieces.set(stream, { piece: pieceOf(task, stream, input), key: pieceKey(task, input) })
      return null
    },
  }
  /** Bytes of all complete streams, and of their runs. */
  bytes = 0
  private readonly pieces = new Map<number, { readonly piece: number; readonly key: bigint }>()
  private readonly ended = new Map<number, Ended>()

  constructor(private readonly dir: string) {
    super()
  }

  receive({ stream, port, credits }: Args<'receive'>): Promise<StreamResult> {
    const file = new StreamFileWriter(join(this.dir, `${stream}.part`), this.of(stream).key)
    return new Promise((resolve, reject) => {
      port.on('message', (message: StreamMessage) => {
        try {
          if (message.chunk !== null) file.chunk(message.chunk)
        } catch (error) {
          reject(error)
        }
        // Also after a failure, as the task waits for room to send the rest.
        if (message.chunk !== null) release(credits, message.chunk.bytes.length)
        if (message.type === 'chunk') return
        port.close()
        file.pause()
        const { summary, records } = message
        this.ended.set(stream, { file, summary, records })
        resolve({ entries: summary.entries, pages: summary.pageCount })
      })
    })
  }

  async commit({ streams, runPaths }: Args<'commit'>): Promise<void> {
    for (const note of streams) {
      const ended = this.ended.get(note.stream)
      assert(ended !== undefined, () => `stream ${note.stream} has not ended`)
      const { file, summary, records } = ended
      await file.end({ summary, records, result: (note as { counts?: unknown }).counts ?? null })
      renameSync(file.path, join(this.dir, streamName(this.of(note.stream).piece)))
      this.bytes += file.bytes
      this.forgotten(note.stream)
    }
    await syncRuns(runPaths)
    this.count(runPaths)
  }

  async commitRuns({ runPaths }: Args<'commitRuns'>): Promise<void> {
    await syncRuns(runPaths)
    this.count(runPaths)
  }

  drop({ streams }: Args<'drop'>): void {
    for (const stream of streams) {
      rmSync(this.ended.get(stream)?.file.path ?? '', { force: true })
      this.forgotten(stream)
    }
  }

  private of(stream: number): { readonly piece: number; readonly key: bigint } {
    const found = this.pieces.get(stream)
    assert(found !== undefined, () => `stream ${stream} is unknown`)
    return found
  }

  private forgotten(stream: number): void {
    this.ended.delete(stream)
    this.pieces.delete(stream)
  }

  private count(runPaths: readonly string[]): void {
    for (const path of runPaths) this.bytes += statSync(path).size
  }
}
