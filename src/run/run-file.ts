import { closeSync, fsync, openSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { Packr, RESET_BUFFER_MODE } from 'msgpackr/pack'
import type { ByteList } from '../bytes/byte-list.js'
import { assert, MigrationError } from '../errors.js'
import { writeAll } from '../file/write-all.js'
import type { GroupRanks, KernelIndexRows } from '../kernel/index-rows.js'
import { kernel, type RunSink } from '../kernel/kernel.js'
import { CONTENT_BYTES, putBlock, RUN_BLOCK_BYTES, RUN_MAGIC, runSeed } from './run-blocks.js'
import type { RunMerge } from './run-merge.js'
import { type RunSection, SectionNotes } from './section-notes.js'

export const TRAILER_BYTES = 24
/** Whole blocks that we write at once. */
const BUFFER_BLOCKS = 256
const BUFFER_BYTES = BUFFER_BLOCKS * CONTENT_BYTES
/** How far apart the entry points into a group's rows are, so that large groups can be cut into key ranges. */
const BLOCK_BYTES = 1 << 16
const sync = promisify(fsync)
const packr = new Packr({ structuredClone: true })

/** Node data of the runs of a file. */
export interface RunNodedata {
  /** The rank of each name, by the number that rows have. */
  readonly names: Int32Array
  /** For each run, where its rows start and end, and how many there are. */
  readonly starts: Float64Array
  readonly ends: Float64Array
  readonly counts: Int32Array
}

/**
 * What the partitions of a task leave on disk: for each the sorted index rows of its nodes for every destination
 * database, a run; and for all together the names that ranks stand for. A row is `u16 length, index bytes, buid`; a row
 * of node data is `buid, u32 number of the name, u32 length, value`. docs/format/sorted-run.md has a drawing.
 */
export interface RunFooter {
  readonly propNames: ByteList
  readonly tagNames: ByteList
  readonly tagPropNames: ByteList
  readonly sections: Readonly<Record<string, RunSection>>
  readonly nodedata: RunNodedata
}

/** Where the fields of the kernel's `RunOut` are (src/kernel/assembly/run-out.ts). */
const OutField = { bytes: 0, used: 4, flushed: 8 } as const

/** What writing a file takes; the thread's next file takes it again. */
interface Room {
  /** Address of the kernel's `RunOut`. */
  readonly out: number
  /** Content on its way to the file, with digests. */
  readonly blocks: Buffer
}

const unusedRooms: Room[] = []
const unusedNotes: SectionNotes[] = []

function newRoom(): Room {
  return {
    out: kernel().calls.newRunOut(BUFFER_BYTES),
    blocks: Buffer.allocUnsafeSlow(BUFFER_BLOCKS * RUN_BLOCK_BYTES),
  }
}

/**
 * Writes a file of runs, one after the other. The file gets its name only when it is complete. Before a checkpoint
 * vouches for it, call `syncRuns()`. `close()` it, whatever happens.
 */
export class RunWriter implements RunSink {
  private readonly fd: number
  private readonly seed: bigint
  private readonly kernel = kernel()
  private readonly room = unusedRooms.pop() ?? newRoom()
  private readonly out = this.room.out
  private readonly notes = new Map<string, SectionNotes>()
  private readonly dataStarts: number[] = []
  private readonly dataEnds: number[] = []
  private readonly dataCounts: number[] = []
  private dataStart = 0
  private dataCount = 0
  private isClosed = false

  /** @param blockBytes the distance between entry points of a group */
  constructor(
    private readonly path: string,
    private readonly blockBytes = BLOCK_BYTES,
  ) {
    this.seed = runSeed(path)
    this.fd = openSync(`${path}.part`, 'w', 0o600)
    this.kernel.runs.set(this.out, this)
    this.used = 0
    this.flushed = 0
    this.write(RUN_MAGIC, 0, RUN_MAGIC.length)
  }

  get position(): number {
    return this.flushed + this.used
  }

  /**
   * Sorts and writes the rows of one database in this run. Each run has all sections, in the same order.
   *
   * @param buids where the buids of the owners are in the kernel's memory, 32 bytes for each
   * @returns false, and nothing is written, when the kernel does not know the order of all their groups
   */
  section(name: string, rows: KernelIndexRows, buids: number): boolean {
    return this.kernel.calls.writeSection(rows.at, buids, this.out, this.notesOf(name).at, this.blockBytes) !== 0
  }

  /**
   * Writes a section from the groups of a merge.
   *
   * @returns the number of a segment whose groups are in another order, or -1
   */
  merged(name: string, merge: RunMerge): number {
    return merge.toRun(this.out, this.notesOf(name).at, this.blockBytes)
  }

  /** The numbers of the groups that the sections with a name have so far: a view of the kernel's memory. */
  groups(name: string): Int32Array {
    return this.notesOf(name).groups()
  }

  /** Writes a value of node data, after all sections; they come in order of buid and of the rank of the name. */
  nodedata(buids: Uint8Array, buidStart: number, name: number, value: Uint8Array): void {
    if (this.dataCount++ === 0) this.dataStart = this.position
    const head = Buffer.allocUnsafe(40)
    head.set(buids.subarray(buidStart, buidStart + 32))
    head.writeUInt32LE(name, 32)
    head.writeUInt32LE(value.length, 36)
    this.write(head, 0, 40)
    this.write(value, 0, value.length)
  }

  /** Ends a run. */
  endRun(): void {
    const end = this.position
    this.dataStarts.push(this.dataCount === 0 ? end : this.dataStart)
    this.dataEnds.push(end)
    this.dataCounts.push(this.dataCount)
    this.dataCount = 0
  }

  /**
   * Writes the footer and gives the file its name.
   *
   * @param dataNames the rank of each name of node data
   * @param ranksOf ranks within this file of the groups that `section()` wrote; null when groups have their ranks
   */
  finish(
    names: Pick<RunFooter, 'propNames' | 'tagNames' | 'tagPropNames'>,
    dataNames: Int32Array,
    ranksOf: ((name: string) => GroupRanks) | null,
  ): { bytes: number } {
    const nodedata: RunNodedata = {
      names: dataNames,
      starts: Float64Array.from(this.dataStarts),
      ends: Float64Array.from(this.dataEnds),
      counts: Int32Array.from(this.dataCounts),
    }
    const ranked = Array.from(this.notes, ([name, notes]) => ({ name, notes, ranks: ranksOf?.(name) ?? null }))
    const sections = Object.fromEntries(ranked.map(({ name, notes, ranks }) => [name, notes.section(ranks)]))
    // The next footer may use the same buffer: each new one would grow anew.
    const packed = packr.pack({ ...names, sections, nodedata }, RESET_BUFFER_MODE)
    const footerStart = this.position
    this.write(packed, 0, packed.length)
    // The trailer must end the last block.
    const over = (this.position + TRAILER_BYTES) % CONTENT_BYTES
    const padding = Buffer.alloc(over === 0 ? 0 : CONTENT_BYTES - over)
    this.write(padding, 0, padding.length)
    const trailer = Buffer.alloc(TRAILER_BYTES)
    trailer.writeBigUInt64LE(BigInt(footerStart), 0)
    trailer.writeBigUInt64LE(BigInt(packed.length), 8)
    RUN_MAGIC.copy(trailer, 16)
    this.write(trailer, 0, TRAILER_BYTES)
    this.flush()
    assert(this.used === 0, () => `run "${this.path}" ends within a block`)
    this.close()
    renameSync(`${this.path}.part`, this.path)
    return { bytes: (this.flushed / CONTENT_BYTES) * RUN_BLOCK_BYTES }
  }

  /** Gives back what writing takes, whether or not the file was finished. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    closeSync(this.fd)
    this.kernel.runs.delete(this.out)
    unusedRooms.push(this.room)
    unusedNotes.push(...this.notes.values())
  }

  /** Writes all whole blocks and keeps the rest of the last one. */
  flush(): void {
    const { seed, used } = this
    const { blocks } = this.room
    const start = this.kernel.view.getUint32(this.out + OutField.bytes, true)
    const content = this.kernel.mem.subarray(start, start + used)
    const count = Math.floor(used / CONTENT_BYTES)
    const first = this.flushed / CONTENT_BYTES
    for (let done = 0; done < count; ) {
      const some = Math.min(count - done, BUFFER_BLOCKS)
      for (let i = 0; i < some; i++, done++) {
        const at = done * CONTENT_BYTES
        putBlock(content.subarray(at, at + CONTENT_BYTES), seed, first + done, blocks, i * RUN_BLOCK_BYTES)
      }
      this.writeBlocks(blocks.subarray(0, some * RUN_BLOCK_BYTES))
    }
    content.copyWithin(0, count * CONTENT_BYTES, used)
    this.flushed += count * CONTENT_BYTES
    this.used = used - count * CONTENT_BYTES
  }

  private write(bytes: Uint8Array, start: number, length: number): void {
    for (let done = 0; done < length; ) {
      if (this.used >= BUFFER_BYTES) this.flush()
      const { used } = this
      const count = Math.min(length - done, BUFFER_BYTES - used)
      const to = this.kernel.view.getUint32(this.out + OutField.bytes, true) + used
      this.kernel.mem.set(bytes.subarray(start + done, start + done + count), to)
      this.used = used + count
      done += count
    }
  }

  private notesOf(name: string): SectionNotes {
    let notes = this.notes.get(name)
    if (notes === undefined) {
      notes = unusedNotes.pop() ?? new SectionNotes()
      notes.clear()
      this.notes.set(name, notes)
    }
    return notes
  }

  private get used(): number {
    return this.kernel.view.getUint32(this.out + OutField.used, true)
  }

  private set used(bytes: number) {
    this.kernel.view.setUint32(this.out + OutField.used, bytes, true)
  }

  /** Content bytes in the file, in whole blocks. */
  private get flushed(): number {
    return this.kernel.view.getFloat64(this.out + OutField.flushed, true)
  }

  private set flushed(bytes: number) {
    this.kernel.view.setFloat64(this.out + OutField.flushed, bytes, true)
  }

  private writeBlocks(bytes: Uint8Array): void {
    try {
      writeAll(this.fd, bytes)
    } catch (cause) {
      throw new MigrationError('ERR_DEST', `Cannot write run "${this.path}": ${(cause as Error).message}`, {
        cause,
        hint: 'Check the disk of the destination and its free space',
      })
    }
  }
}

/** Makes runs and their names durable, without blocking the thread. */
export async function syncRuns(paths: readonly string[]): Promise<void> {
  for (const place of [...paths, ...new Set(paths.map(dirname))]) {
    // Only the sync is asynchronous: opening and closing a file in a helper thread takes longer than doing it right
    // here.
    const fd = openSync(place, 'r')
    try {
      await sync(fd)
    } finally {
      closeSync(fd)
    }
  }
}
