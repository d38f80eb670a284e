import { closeSync, existsSync, fdatasync, fstatSync, openSync } from 'node:fs'
import { promisify } from 'node:util'
import { Packr } from 'msgpackr/pack'
import { xxh64 } from '../../bytes/xxh64.js'
import { MigrationError } from '../../errors.js'
import { type OpenFile, readWhole } from '../../file/read-at.js'
import { writeAll } from '../../file/write-all.js'
import type { LeafSummary, PageChunk } from '../../page/page-chunk.js'
import type { PackedRecord } from '../../thread/chunk-sender.js'

const MAGIC = Buffer.from('SMSTRM1\0')
/** The magic, and the key. */
const FILE_HEAD_BYTES = 16
/** Bytes of what is packed, bytes of pages, digest of both. */
const BLOCK_HEAD_BYTES = 16
const packr = new Packr({ structuredClone: true, useRecords: false })
const sync = promisify(fdatasync)

/** What a stream ends with. */
export interface StreamEnd {
  readonly summary: LeafSummary
  /** Errors for the migration log. */
  readonly records: readonly PackedRecord[]
  /** What the task returned, as far as a checkpoint keeps it. */
  readonly result: unknown
}

type PackedBlock = Pick<PageChunk, 'pageCount' | 'firstPage' | 'fixups'> | StreamEnd

/**
 * A stream of finished pages in a file, on its way from the process that makes it to the one that places it. It holds
 * what a task would send to the writer thread: chunks of pages, then the end. Each has a digest, whose seed is the key
 * of the stream and the position, so that no file passes for another one. docs/format/parts.md has a drawing.
 */
export class StreamFileWriter {
  private fd: number | null
  private blocks = 0
  private written = FILE_HEAD_BYTES

  /** @param key tells which piece of work the stream is */
  constructor(
    readonly path: string,
    private readonly key: bigint,
  ) {
    this.fd = openSync(path, 'wx', 0o600)
    const head = Buffer.alloc(FILE_HEAD_BYTES)
    MAGIC.copy(head)
    head.writeBigUInt64LE(key, MAGIC.length)
    writeAll(this.fd, head)
  }

  get bytes(): number {
    return this.written
  }

  chunk({ bytes, pageCount, firstPage, fixups }: PageChunk): void {
    this.fd ??= openSync(this.path, 'a')
    this.block(this.fd, { pageCount, firstPage, fixups }, bytes)
  }

  /** Closes the file until its end is known: a process may have only so many open. */
  pause(): void {
    if (this.fd !== null) closeSync(this.fd)
    this.fd = null
  }

  /** Writes the end. The file is complete and durable when it returns. */
  async end(end: StreamEnd): Promise<void> {
    const fd = openSync(this.path, 'a')
    try {
      this.block(fd, end, new Uint8Array(0))
      await sync(fd)
    } finally {
      closeSync(fd)
    }
  }

  private block(fd: number, block: PackedBlock, pages: Uint8Array): void {
    const packed = packr.pack(block)
    const head = Buffer.alloc(BLOCK_HEAD_BYTES)
    head.writeUInt32LE(packed.length, 0)
    head.writeUInt32LE(pages.length, 4)
    head.writeBigUInt64LE(digestOf(packed, pages, this.key, this.blocks++), 8)
    for (const part of [head, packed, pages]) {
      writeAll(fd, part)
      this.written += part.length
    }
  }
}

/**
 * Reads a stream file from start to end.
 *
 * @param take receives each chunk, which it may transfer
 * @throws {MigrationError} ERR_DEST when it is not as it was written
 */
export function readStreamFile(path: string, take: (chunk: PageChunk) => void): StreamEnd {
  const file: OpenFile = { path, fd: openSync(path, 'r') }
  try {
    const { size } = fstatSync(file.fd)
    const key = readKey(file, size)
    let at = FILE_HEAD_BYTES
    for (let index = 0; ; index++) {
      const head = readPart(file, BLOCK_HEAD_BYTES, at, size)
      const [packedBytes, pageBytes] = [head.readUInt32LE(0), head.readUInt32LE(4)]
      const packed = readPart(file, packedBytes, at + BLOCK_HEAD_BYTES, size)
      const bytes = readPart(file, pageBytes, at + BLOCK_HEAD_BYTES + packedBytes, size)
      if (digestOf(packed, bytes, key, index) !== head.readBigUInt64LE(8)) {
        throw damaged(path, `block ${index} has another checksum`)
      }
      at += BLOCK_HEAD_BYTES + packedBytes + pageBytes
      const block = packr.unpack(packed) as PackedBlock
      if ('summary' in block) {
        if (at !== size) throw damaged(path, 'it goes on after its end')
        return ownEnd(block)
      }
      take({ ...block, fixups: new Uint32Array(block.fixups), bytes: new Uint8Array(bytes.buffer as ArrayBuffer) })
    }
  } finally {
    closeSync(file.fd)
  }
}

/** Which piece of work a stream file is. @throws {MigrationError} ERR_DEST when it is no such file */
export function streamKeyOf(path: string): bigint {
  if (!existsSync(path)) throw damaged(path, 'it is gone')
  const file: OpenFile = { path, fd: openSync(path, 'r') }
  try {
    return readKey(file, fstatSync(file.fd).size)
  } finally {
    closeSync(file.fd)
  }
}

/** Identifies a piece of work by all that its pages depend on, except the source and the model. */
export function streamKey(...facts: readonly unknown[]): bigint {
  return xxh64(packr.pack(facts))
}

function readKey(file: OpenFile, size: number): bigint {
  const head = readPart(file, FILE_HEAD_BYTES, 0, size)
  if (!MAGIC.equals(head.subarray(0, MAGIC.length))) throw damaged(String(file.path), 'it does not start like one')
  return head.readBigUInt64LE(MAGIC.length)
}

function readPart(file: OpenFile, bytes: number, at: number, size: number): Buffer {
  if (at + bytes > size) throw damaged(String(file.path), 'its end is missing')
  const buf = Buffer.allocUnsafeSlow(bytes)
  if (!readWhole(file, buf, at)) throw damaged(String(file.path), 'its end is missing')
  return buf
}

function damaged(path: string, found: string): MigrationError {
  return new MigrationError('ERR_DEST', `Cannot read stream "${path}": ${found}`, {
    hint: 'Check the disk, remove the directory that the file is in, and make that part again',
  })
}

function digestOf(packed: Uint8Array, pages: Uint8Array, key: bigint, index: number): bigint {
  return xxh64(pages, xxh64(packed, BigInt.asUintN(64, key + BigInt(index))))
}

/** Arrays of their own: cloned for another thread, a view would take along all that it is a view of. */
function ownEnd({ summary, records, result }: StreamEnd): StreamEnd {
  return {
    summary: {
      ...summary,
      keys: new Uint8Array(summary.keys),
      keyEnds: new Uint32Array(summary.keyEnds),
      pages: new Uint32Array(summary.pages),
      lastKey: new Uint8Array(summary.lastKey),
    },
    records: records.map(({ migrop, key, value }) => {
      return { migrop, key: new Uint8Array(key), value: new Uint8Array(value) }
    }),
    result,
  }
}
