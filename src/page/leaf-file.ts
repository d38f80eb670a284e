import { closeSync, fdatasync, fdatasyncSync, ftruncateSync, openSync } from 'node:fs'
import { promisify } from 'node:util'
import { hexOf } from '../bytes/hash.js'
import { xxh64 } from '../bytes/xxh64.js'
import { assert, MigrationError } from '../errors.js'
import { type OpenFile, readWhole } from '../file/read-at.js'
import { writeAll } from '../file/write-all.js'
import type { LeafSummary } from './page-chunk.js'

/** Entries, dropped duplicates, overflow pages, pages, leaf pages, bytes of their keys, bytes of the last key. */
const HEAD_NUMBERS = 7
const HEAD_BYTES = 8 * HEAD_NUMBERS

/** Where the file lists the leaf pages of a stream. */
export interface LeavesPlace {
  readonly at: number
  readonly bytes: number
  /** XXH64 in hex. */
  readonly digest: string
  /** Rows of the stream. */
  readonly entries: number
}

/** The file that lists the leaf pages of a slab's streams while we build the slab in `dir`. */
export function leafPath(dir: string): string {
  return `${dir}.leaves`
}

/**
 * A file for the first keys and numbers of leaf pages, which we build branch pages from. They take 14 MB per million
 * nodes, too much to keep in a thread. Holds the summaries of complete streams one after another; the caller keeps
 * their places.
 */
export class LeafFile {
  private readonly fd: number
  /** For `read()`: new buffers for hundreds of thousands of streams would pile up until V8 collects them. */
  private room = Buffer.allocUnsafeSlow(0)

  /** @param end continue here and drop what comes after; 0 for a new file */
  constructor(
    private readonly path: string,
    private end: number,
  ) {
    this.fd = openSync(path, end === 0 ? 'w+' : 'r+', 0o600)
    ftruncateSync(this.fd, end)
  }

  append(summary: LeafSummary): LeavesPlace {
    const bytes = packed(summary)
    writeAll(this.fd, bytes, this.end)
    const place = { at: this.end, bytes: bytes.length, digest: hexOf(xxh64(bytes)), entries: summary.entries }
    this.end += bytes.length
    return place
  }

  /**
   * A summary whose keys and pages are valid until the next call.
   *
   * @throws {MigrationError} ERR_DEST when the file has changed since we wrote it
   */
  read(place: LeavesPlace): LeafSummary {
    if (this.room.length < place.bytes) this.room = Buffer.allocUnsafeSlow(Math.max(place.bytes, 2 * this.room.length))
    const bytes = readLeaves({ path: this.path, fd: this.fd }, place, this.room.subarray(0, place.bytes))
    if (bytes !== null) return unpacked(bytes)
    throw new MigrationError(
      'ERR_DEST',
      `Cannot read "${this.path}": bytes ${place.at} to ${place.at + place.bytes} have another checksum`,
      { hint: 'Check the disk of the destination, then continue with --from-last: what changed is made again' },
    )
  }

  sync(): void {
    fdatasyncSync(this.fd)
  }

  syncBehind(): Promise<void> {
    return promisify(fdatasync)(this.fd)
  }

  close(): void {
    closeSync(this.fd)
  }
}

/** The bytes at a place, or null when they are not as they were written. */
export function readLeaves(
  file: OpenFile,
  { at, bytes, digest }: LeavesPlace,
  buf = Buffer.allocUnsafeSlow(bytes),
): Buffer<ArrayBuffer> | null {
  return readWhole(file, buf, at) && hexOf(xxh64(buf)) === digest ? buf : null
}

function packed(summary: LeafSummary): Buffer {
  const { entries, droppedDups, overflowPages, pageCount, keys, keyEnds, pages, lastKey } = summary
  assert(keyEnds.length === pages.length, () => 'a summary has another number of keys than of pages')
  const head = Float64Array.of(
    entries,
    droppedDups,
    overflowPages,
    pageCount,
    pages.length,
    keys.length,
    lastKey.length,
  )
  return Buffer.concat([bytesOf(head), bytesOf(keyEnds), bytesOf(pages), keys, lastKey])
}

/** @param bytes at the start of their array, where numbers are aligned */
function unpacked({ buffer, byteOffset }: Buffer<ArrayBuffer>): LeafSummary {
  const head = new Float64Array(buffer, byteOffset, HEAD_NUMBERS)
  const [entries, droppedDups, overflowPages, pageCount, leaves, keyBytes, lastKeyBytes] = head
  const ends = byteOffset + HEAD_BYTES
  const keys = ends + 8 * leaves
  return {
    entries,
    droppedDups,
    overflowPages,
    pageCount,
    keyEnds: new Uint32Array(buffer, ends, leaves),
    pages: new Uint32Array(buffer, ends + 4 * leaves, leaves),
    keys: new Uint8Array(buffer, keys, keyBytes),
    lastKey: new Uint8Array(buffer, keys + keyBytes, lastKeyBytes).slice(),
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array | Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
