import { closeSync, openSync, readSync, renameSync, statSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Packr } from 'msgpackr'
import { type ByteList, ByteListBuilder } from '../bytes/byte-list.js'
import { xxh64 } from '../bytes/hash.js'
import { MigrationError } from '../errors.js'
import type { IndexRows } from '../translate/index-rows.js'
import { sortRows } from './sort-rows.js'

const MAGIC = Buffer.from('SMRUN2\0\0')
const TRAILER_BYTES = 32
const BUFFER_BYTES = 1 << 20
/** A group's rows can be entered at every so many bytes, to cut large groups into key ranges. */
const BLOCK_BYTES = 1 << 16
const packr = new Packr({ structuredClone: true })

/** Rows of one destination database in a run, by groups; groups in order of `a`, then `b`. */
export interface RunSection {
  /** Ranks, within this run, of the group's abbreviations: the first and the second (-1: none). */
  readonly a: Int32Array
  readonly b: Int32Array
  readonly counts: Int32Array
  /** Position of the group's first row, and behind its last, in the file. */
  readonly starts: Float64Array
  readonly ends: Float64Array
  /** Entry points into large groups: number of the group, position, and the index bytes found there. */
  readonly blockGroup: Int32Array
  readonly blockStart: Float64Array
  readonly blockKeys: ByteList
}

/**
 * What a partition leaves on disk: sorted index rows of its nodes for every destination database, and the names that its
 * ranks stand for. A row is `u16 length, index bytes, buid`, a row of node data `buid, u32 rank, u32 length, value`.
 * docs/format/sorted-run.md draws it.
 */
export interface RunFooter<Extra> {
  readonly propNames: ByteList
  readonly tagNames: ByteList
  readonly tagPropNames: ByteList
  readonly sections: Readonly<Record<string, RunSection>>
  readonly nodedata: { readonly start: number; readonly end: number; readonly count: number }
  readonly extra: Extra
}

/** Writes one run; the file has its name only once it is complete. Whoever vouches for it makes it durable: `syncRuns()`. */
export class RunWriter {
  private readonly fd: number
  private readonly buf = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  private readonly view = new DataView(this.buf.buffer)
  private used = 0
  private flushed = 0
  private readonly sections: Record<string, RunSection> = {}

  /** @param blockBytes how far apart the entry points into a group are */
  constructor(
    private readonly path: string,
    private readonly blockBytes = BLOCK_BYTES,
  ) {
    this.fd = openSync(`${path}.part`, 'w', 0o600)
    this.write(MAGIC, 0, MAGIC.length)
  }

  get position(): number {
    return this.flushed + this.used
  }

  /**
   * Sorts and writes the rows of one database.
   *
   * @param first rank of each group's first abbreviation
   * @param second rank of its second one, or null where keys have but one
   * @param buids 32 bytes for each owner number
   */
  section(name: string, rows: IndexRows, first: Int32Array, second: Int32Array | null, buids: Uint8Array): void {
    const buidView = new DataView(buids.buffer, buids.byteOffset, buids.byteLength)
    const isUsed = new Uint8Array(first.length)
    rows.markGroups(isUsed)
    const used = Int32Array.from(isUsed.keys()).filter((group) => isUsed[group] === 1)
    const secondOf = (group: number) => (second === null ? -1 : second[group])
    used.sort((x, y) => first[x] - first[y] || secondOf(x) - secondOf(y))
    const rankOf = new Int32Array(first.length)
    used.forEach((group, rank) => {
      rankOf[group] = rank
    })
    const { order, ends } = sortRows(rows, rankOf, used.length)
    const section = {
      a: new Int32Array(used.length),
      b: new Int32Array(used.length),
      counts: new Int32Array(used.length),
      starts: new Float64Array(used.length),
      ends: new Float64Array(used.length),
    }
    const blockGroup: number[] = []
    const blockStart: number[] = []
    const blockKeys = new ByteListBuilder()
    let at = 0
    used.forEach((group, rank) => {
      const start = at
      section.a[rank] = first[group]
      section.b[rank] = secondOf(group)
      section.starts[rank] = this.position
      section.counts[rank] = ends[rank] - start
      let block = this.position
      for (; at < ends[rank]; at++) {
        const row = order[at]
        const from = rows.starts[row]
        if (at === start || this.position - block >= this.blockBytes) {
          block = this.position
          blockGroup.push(rank)
          blockStart.push(block)
          blockKeys.add(rows.bytes, from, from + rows.lengths[row])
        }
        this.row(rows.bytes, from, rows.lengths[row], buidView, rows.owners[row] * 32)
      }
      section.ends[rank] = this.position
    })
    this.sections[name] = {
      ...section,
      blockGroup: Int32Array.from(blockGroup),
      blockStart: Float64Array.from(blockStart),
      blockKeys: blockKeys.pack(),
    }
  }

  /** One value of node data, in order of buid and rank. */
  nodedata(buids: Uint8Array, buidStart: number, rank: number, value: Uint8Array): void {
    const head = Buffer.allocUnsafe(40)
    head.set(buids.subarray(buidStart, buidStart + 32))
    head.writeUInt32LE(rank, 32)
    head.writeUInt32LE(value.length, 36)
    this.write(head, 0, 40)
    this.write(value, 0, value.length)
  }

  /** Writes the footer and gives the file its name. */
  finish<Extra>(footer: Omit<RunFooter<Extra>, 'sections'>): { bytes: number } {
    const packed = packr.pack({ ...footer, sections: this.sections })
    const footerStart = this.position
    this.write(packed, 0, packed.length)
    const trailer = Buffer.alloc(TRAILER_BYTES)
    trailer.writeBigUInt64LE(BigInt(footerStart), 0)
    trailer.writeBigUInt64LE(BigInt(packed.length), 8)
    trailer.writeBigUInt64LE(xxh64(packed), 16)
    MAGIC.copy(trailer, 24)
    this.write(trailer, 0, TRAILER_BYTES)
    this.flush()
    closeSync(this.fd)
    renameSync(`${this.path}.part`, this.path)
    return { bytes: this.flushed }
  }

  private row(bytes: Uint8Array, start: number, length: number, buids: DataView, buidStart: number): void {
    if (this.used + length + 34 > BUFFER_BYTES) this.flush()
    const { buf, view } = this
    let at = this.used
    buf[at++] = length & 0xff
    buf[at++] = length >> 8
    for (let i = 0; i < length; i++) buf[at++] = bytes[start + i]
    for (let i = 0; i < 32; i += 4) view.setInt32(at + i, buids.getInt32(buidStart + i, true), true)
    this.used = at + 32
  }

  private write(bytes: Uint8Array, start: number, length: number): void {
    if (this.used + length > BUFFER_BYTES) this.flush()
    if (length > BUFFER_BYTES) {
      this.writeAll(bytes.subarray(start, start + length))
      this.flushed += length
      return
    }
    this.buf.set(bytes.subarray(start, start + length), this.used)
    this.used += length
  }

  private writeAll(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.fd, bytes, done, bytes.length - done)
    } catch (cause) {
      throw new MigrationError('ERR_DEST', `Cannot write run "${this.path}": ${(cause as Error).message}`, {
        cause,
        hint: 'Check the disk of the destination and its free space',
      })
    }
  }

  private flush(): void {
    this.writeAll(this.buf.subarray(0, this.used))
    this.flushed += this.used
    this.used = 0
  }
}

/** Makes runs durable, and their names; the thread goes on meanwhile. */
export async function syncRuns(paths: readonly string[]): Promise<void> {
  for (const place of [...paths, ...new Set(paths.map(dirname))]) {
    const file = await open(place, 'r')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

/** Reads the footer of a complete run; null when there is no file of that name. */
export function readRunFooter<Extra>(path: string): RunFooter<Extra> | null {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw err
  }
  try {
    const size = statSync(path).size
    if (size < TRAILER_BYTES) throw damaged(path, 'its end is missing')
    const trailer = readAt(fd, size - TRAILER_BYTES, TRAILER_BYTES, path)
    if (Buffer.compare(trailer.subarray(24), MAGIC) !== 0) throw damaged(path, 'its end is missing')
    const start = Number(trailer.readBigUInt64LE(0))
    const length = Number(trailer.readBigUInt64LE(8))
    if (start + length + TRAILER_BYTES !== size) throw damaged(path, 'its footer does not end where its trailer begins')
    const packed = readAt(fd, start, length, path)
    if (xxh64(packed) !== trailer.readBigUInt64LE(16)) throw damaged(path, 'its footer has another digest')
    return packr.unpack(packed) as RunFooter<Extra>
  } finally {
    closeSync(fd)
  }
}

/** Reads `length` bytes at `position`, all of them. */
export function readAt(fd: number, position: number, length: number, path: string): Buffer {
  const buf = Buffer.allocUnsafeSlow(Math.max(0, length))
  readInto(fd, position, buf, path)
  return buf
}

/** Fills the buffer with what the file has at `position`. */
export function readSpan(path: string, position: number, buf: Buffer): void {
  const fd = openSync(path, 'r')
  try {
    readInto(fd, position, buf, path)
  } finally {
    closeSync(fd)
  }
}

function readInto(fd: number, position: number, buf: Buffer, path: string): void {
  for (let got = 0; got < buf.length; ) {
    const n = readSync(fd, buf, got, buf.length - got, position + got)
    if (n === 0) throw damaged(path, `it ends before byte ${position + buf.length}`)
    got += n
  }
}

function damaged(path: string, found: string): MigrationError {
  return new MigrationError('ERR_DEST', `Cannot read run "${path}": ${found}`, {
    hint: 'Run again without --from-last: runs are made anew',
  })
}
