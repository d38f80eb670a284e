import { closeSync, fsync, openSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { Packr } from 'msgpackr/pack'
import { type ByteList, ByteListBuilder } from '../bytes/byte-list.js'
import { NumberSet } from '../bytes/number-set.js'
import { assert, MigrationError } from '../errors.js'
import { writeAll } from '../file/write-all.js'
import type { KernelIndexRows } from '../kernel/index-rows.js'
import { CONTENT_BYTES, putBlock, RUN_BLOCK_BYTES, RUN_MAGIC, runSeed } from './run-blocks.js'

import { type SortedGroups, writeSorted } from './sort-rows.js'

export const TRAILER_BYTES = 24
/** Whole blocks that we write at once. */
const BUFFER_BLOCKS = 256
const BUFFER_BYTES = BUFFER_BLOCKS * CONTENT_BYTES
/** How far apart the entry points into a group's rows are, so that large groups can be cut into key ranges. */
const BLOCK_BYTES = 1 << 16
const sync = promisify(fsync)
const packr = new Packr({ structuredClone: true })

/** Rows of one destination database in the runs of a file, by run and group. */
export interface RunSection {
  /** For each run, where its groups end in the arrays below. The groups of a run are sorted by `a`, then `b`. */
  readonly runEnds: Int32Array
  /** The group's abbreviations as ranks within this file: the first and the second (-1: none). */
  readonly a: Int32Array
  readonly b: Int32Array
  readonly counts: Int32Array
  /** Position of the group's first row, and of the end of its last row, in the content of the file. */
  readonly starts: Float64Array
  readonly ends: Float64Array
  /** Entry points into large groups: number of the group, position, and the index bytes at that position. */
  readonly blockGroup: Int32Array
  readonly blockStart: Float64Array
  readonly blockKeys: ByteList
}

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

/** For each group of a database, the ranks of its names; `second` is null if keys have only one. */
export interface GroupRanks {
  readonly first: Int32Array
  readonly second: Int32Array | null
}

/** Buffers for writing a run; the thread's next run reuses them. */
interface WriteBuffers {
  readonly buf: Buffer
  readonly blocks: Buffer
}

const unused: WriteBuffers[] = []
/** For `section()`: groups that have rows. A thread meets many more groups than a partition has. */
const usedGroups = new NumberSet()

function newBuffers(): WriteBuffers {
  const buf = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  return { buf, blocks: Buffer.allocUnsafeSlow(BUFFER_BLOCKS * RUN_BLOCK_BYTES) }
}

/**
 * Writes a file of runs, one after the other. The file gets its name only when it is complete. Before a checkpoint
 * vouches for it, call `syncRuns()`.
 */
export class RunWriter implements SortedGroups {
  private readonly fd: number
  private readonly seed: bigint
  private readonly buffers = unused.pop() ?? newBuffers()
  private readonly buf = this.buffers.buf
  private readonly blocks = this.buffers.blocks
  private used = 0
  /** Content bytes written so far, in whole blocks. */
  private flushed = 0
  private readonly drafts = new Map<string, SectionDraft>()
  private draft = new SectionDraft()
  private readonly dataStarts: number[] = []
  private readonly dataEnds: number[] = []
  private readonly dataCounts: number[] = []
  private dataStart = RUN_MAGIC.length
  private dataCount = 0
  private groupRows = 0

  /** @param blockBytes the distance between entry points of a group that `section()` writes */
  constructor(
    private readonly path: string,
    private readonly blockBytes = BLOCK_BYTES,
  ) {
    this.seed = runSeed(path)
    this.fd = openSync(`${path}.part`, 'w', 0o600)
    this.write(RUN_MAGIC, 0, RUN_MAGIC.length)
  }

  get position(): number {
    return this.flushed + this.used
  }

  /**
   * Sorts and writes the rows of one database in this run.
   *
   * @param ranks of the names within this run, or within more than it has
   * @param buids where the buids of the owners are in the kernel's memory, 32 bytes for each
   */
  section(name: string, rows: KernelIndexRows, { first, second }: GroupRanks, buids: number): void {
    this.beginSection(name)
    usedGroups.clear()
    rows.look().addGroups(usedGroups)
    const used = usedGroups.numbers()
    const secondOf = (group: number) => (second === null ? -1 : second[group])
    used.sort((x, y) => first[x] - first[y] || secondOf(x) - secondOf(y))
    // The ranks within the file are known when all of its names are.
    writeSorted(rows, used, buids, this, this.blockBytes)
    this.endSection()
  }

  /** Begins a section with sorted rows. Each run has all sections, in the same order. */
  beginSection(name: string): void {
    this.draft = this.drafts.get(name) ?? new SectionDraft()
    this.drafts.set(name, this.draft)
  }

  /** Begins the next group of a section with sorted rows; `b` is -1 if keys have only one abbreviation. */
  beginGroup(a: number, b: number): void {
    this.draft.begin(a, b, this.position)
    this.groupRows = 0
  }

  rows(bytes: Uint8Array, count: number): void {
    this.write(bytes, 0, bytes.length)
    this.groupRows += count
  }

  entry(buf: Uint8Array, start: number, end: number): void {
    this.draft.entry(this.position, buf, start, end)
  }

  endGroup(): void {
    this.draft.end(this.position, this.groupRows)
  }

  /** Ends a section after its groups. */
  endSection(): void {
    this.draft.endRun()
    this.dataStart = this.position
  }

  /** Writes a value of node data, after all sections; they come in order of buid and of the rank of the name. */
  nodedata(buids: Uint8Array, buidStart: number, name: number, value: Uint8Array): void {
    const head = Buffer.allocUnsafe(40)
    head.set(buids.subarray(buidStart, buidStart + 32))
    head.writeUInt32LE(name, 32)
    head.writeUInt32LE(value.length, 36)
    this.write(head, 0, 40)
    this.write(value, 0, value.length)
    this.dataCount++
  }

  /** Ends a run. */
  endRun(): void {
    this.dataStarts.push(this.dataStart)
    this.dataEnds.push(this.position)
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
    const sections = Object.fromEntries(
      Array.from(this.drafts, ([name, draft]) => [name, draft.pack(ranksOf === null ? null : ranksOf(name))]),
    )
    const packed = packr.pack({ ...names, sections, nodedata })
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
    closeSync(this.fd)
    unused.push(this.buffers)
    renameSync(`${this.path}.part`, this.path)
    return { bytes: (this.flushed / CONTENT_BYTES) * RUN_BLOCK_BYTES }
  }

  private write(bytes: Uint8Array, start: number, length: number): void {
    for (let done = 0; done < length; ) {
      if (this.used === BUFFER_BYTES) this.flush()
      const count = Math.min(length - done, BUFFER_BYTES - this.used)
      this.buf.set(bytes.subarray(start + done, start + done + count), this.used)
      this.used += count
      done += count
    }
  }

  /** Writes all whole blocks and keeps the rest of the last one. */
  private flush(): void {
    const { buf, blocks, seed } = this
    const count = Math.floor(this.used / CONTENT_BYTES)
    const first = this.flushed / CONTENT_BYTES
    for (let i = 0; i < count; i++) {
      const start = i * CONTENT_BYTES
      putBlock(buf.subarray(start, start + CONTENT_BYTES), seed, first + i, blocks, i * RUN_BLOCK_BYTES)
    }
    this.writeBlocks(blocks.subarray(0, count * RUN_BLOCK_BYTES))
    buf.copyWithin(0, count * CONTENT_BYTES, this.used)
    this.flushed += count * CONTENT_BYTES
    this.used -= count * CONTENT_BYTES
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

/** The part of the footer for a section. */
class SectionDraft {
  private readonly runEnds: number[] = []
  private readonly a: number[] = []
  private readonly b: number[] = []
  private readonly counts: number[] = []
  private readonly starts: number[] = []
  private readonly ends: number[] = []
  private readonly blockGroup: number[] = []
  private readonly blockStart: number[] = []
  private readonly blockKeys = new ByteListBuilder()

  begin(a: number, b: number, position: number): void {
    this.a.push(a)
    this.b.push(b)
    this.starts.push(position)
  }

  /** Adds an entry point into the current group: the row at `position` has the index `buf[start, end)`. */
  entry(position: number, buf: Uint8Array, start: number, end: number): void {
    this.blockGroup.push(this.a.length - 1)
    this.blockStart.push(position)
    this.blockKeys.add(buf, start, end)
  }

  end(position: number, rows: number): void {
    this.ends.push(position)
    this.counts.push(rows)
  }

  endRun(): void {
    this.runEnds.push(this.a.length)
  }

  /** @param ranks of the groups whose numbers are in `a`; null when `a` and `b` are ranks */
  pack(ranks: GroupRanks | null): RunSection {
    const { a } = this
    const second = ranks === null ? null : ranks.second
    return {
      runEnds: Int32Array.from(this.runEnds),
      a: ranks === null ? Int32Array.from(a) : Int32Array.from(a, (group) => ranks.first[group]),
      b: second === null ? Int32Array.from(this.b) : Int32Array.from(a, (group) => second[group]),
      counts: Int32Array.from(this.counts),
      starts: Float64Array.from(this.starts),
      ends: Float64Array.from(this.ends),
      blockGroup: Int32Array.from(this.blockGroup),
      blockStart: Float64Array.from(this.blockStart),
      blockKeys: this.blockKeys.pack(),
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
