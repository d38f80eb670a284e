import { closeSync, openSync, statSync } from 'node:fs'
import { sep } from 'node:path'
import { xxh64 } from '../bytes/xxh64.js'
import { MigrationError } from '../errors.js'
import { readWhole } from '../file/read-at.js'

/** The first and last bytes of a run. */
export const RUN_MAGIC = Buffer.from('SMRUN5\0\0')
/** A run consists of blocks of this size. Each ends with the digest of its content. */
export const RUN_BLOCK_BYTES = 4096
const DIGEST_BYTES = 8
/** How much to read at a time to check a run. */
const CHECK_BYTES = 1 << 20
/** The content bytes of a block; positions in a run count only these. */
export const CONTENT_BYTES = RUN_BLOCK_BYTES - DIGEST_BYTES

/**
 * The seed of a run's digests, from its layer and partition at the end of its path. So no block or file passes for
 * another one.
 */
export function runSeed(path: string): bigint {
  return xxh64(Buffer.from(path.split(sep).slice(-2).join('/')))
}

/** Writes a block to `out[at, at + 4096)`: up to 4088 bytes of content, zero padding, and the digest. */
export function putBlock(content: Uint8Array, seed: bigint, block: number, out: Buffer, at: number): void {
  out.set(content, at)
  out.fill(0, at + content.length, at + CONTENT_BYTES)
  out.writeBigUInt64LE(digestOf(out, at, seed, block), at + CONTENT_BYTES)
}

/** How large a buffer must be to read `length` bytes of content from any position. */
export function roomFor(length: number): number {
  return (Math.ceil(length / CONTENT_BYTES) + 1) * RUN_BLOCK_BYTES
}

/** Reads the content of a run. The file may stay open between reads, or be open only during each read. */
export class RunReader {
  private readonly seed: bigint
  private fd: number | null = null

  constructor(readonly path: string) {
    this.seed = runSeed(path)
  }

  /** Keeps the file open until `close()`. */
  open(): this {
    this.fd ??= openSync(this.path, 'r')
    return this
  }

  close(): void {
    if (this.fd !== null) closeSync(this.fd)
    this.fd = null
  }

  /**
   * Reads `length` bytes of content at `position` into a buffer of at least `roomFor(length)` bytes.
   *
   * @returns where in the buffer they start
   * @throws {MigrationError} ERR_DEST when the file is too short, or a block has changed since we wrote it
   */
  read(position: number, length: number, buf: Buffer): number {
    const first = Math.floor(position / CONTENT_BYTES)
    const blocks = Math.ceil((position + length) / CONTENT_BYTES) - first
    this.readBlocks(first, blocks, buf)
    for (let i = 0; i < blocks; i++) {
      const at = i * RUN_BLOCK_BYTES
      const digest = digestOf(buf, at, this.seed, first + i)
      if (digest !== buf.readBigUInt64LE(at + CONTENT_BYTES)) {
        throw this.damaged(`block ${first + i} (bytes ${(first + i) * RUN_BLOCK_BYTES} to …) has another checksum`)
      }
      // Close the gaps that the digests leave.
      if (i > 0) buf.copyWithin(i * CONTENT_BYTES, at, at + CONTENT_BYTES)
    }
    return position - first * CONTENT_BYTES
  }

  damaged(found: string): MigrationError {
    return damagedRun(this.path, found)
  }

  private readBlocks(first: number, count: number, buf: Buffer): void {
    const fd = this.fd ?? openSync(this.path, 'r')
    const bytes = count * RUN_BLOCK_BYTES
    try {
      if (!readWhole({ path: this.path, fd }, buf.subarray(0, bytes), first * RUN_BLOCK_BYTES)) {
        throw this.damaged(`it ends before byte ${first * RUN_BLOCK_BYTES + bytes}`)
      }
    } finally {
      if (this.fd === null) closeSync(fd)
    }
  }
}

/**
 * Checks all blocks of a run.
 *
 * @throws {MigrationError} ERR_DEST when a block has changed since we wrote it
 */
export function checkRunBlocks(path: string): void {
  const { size } = statSync(path)
  if (size === 0 || size % RUN_BLOCK_BYTES !== 0) throw damagedRun(path, 'its end is missing')
  const end = (size / RUN_BLOCK_BYTES) * CONTENT_BYTES
  const run = new RunReader(path).open()
  try {
    const buf = Buffer.allocUnsafeSlow(roomFor(CHECK_BYTES))
    for (let at = 0; at < end; at += CHECK_BYTES) run.read(at, Math.min(CHECK_BYTES, end - at), buf)
    const start = run.read(end - RUN_MAGIC.length, RUN_MAGIC.length, buf)
    const isWhole = RUN_MAGIC.equals(buf.subarray(start, start + RUN_MAGIC.length))
    if (!isWhole) throw run.damaged('its end is missing')
  } finally {
    run.close()
  }
}

/** The error for a run that has changed since we wrote it. */
export function damagedRun(path: string, found: string): MigrationError {
  return new MigrationError('ERR_DEST', `Cannot read run "${path}": ${found}`, {
    hint: 'Check the disk of the destination, delete this file, and continue with --from-last: what it held is translated again',
  })
}

function digestOf(buf: Uint8Array, at: number, seed: bigint, block: number): bigint {
  return xxh64(buf.subarray(at, at + CONTENT_BYTES), seed + BigInt(block))
}
