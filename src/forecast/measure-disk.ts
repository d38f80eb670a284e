import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { alignedBytes } from '../file/aligned-bytes.js'
import { LeafBuilder } from '../page/leaf-builder.js'
import type { PageChunk } from '../page/page-chunk.js'
import { SlabFileBuilder } from '../page/slab-file-builder.js'
import type { DiskRates } from './forecast.js'

const MIB = 2 ** 20
/** How many chunks of 1 MiB to place over and over. */
const CHUNKS = 8
/** The writer syncs about this much at a time. */
const SYNC_BYTES = 32 * MIB
/** The share of sorted runs in all bytes written. */
const RUN_SHARE = 1 / 3
const FSYNCS = 100
/** Without a Cortex: more than the caches of most disks. */
const USUAL_BYTES = 2048 * MIB
const LEAST_BYTES = 256 * MIB
/** From here on, a disk writes as it does for hours. */
const MOST_BYTES = 8192 * MIB
/** A part of the free space that others on this disk can do without for a minute. */
const FREE_SHARE = 1 / 4
/** A slow disk shows its rate sooner. */
const MOST_WRITE_MS = 30_000
/** Reads need less: nothing has cached them. */
const MOST_READ_BYTES = 1024 * MIB
const KEY_BYTES = 40
const VALUE_BYTES = 60

export interface DiskMeasure extends DiskRates {
  readonly writtenBytes: number
  /** Rows per second through the writer thread, with pages made in advance: without and with syncs. */
  readonly placeRowsPerSecond: number
  readonly durableRowsPerSecond: number
  /** Whether reads bypassed the page cache; if not, the rate is that of memory. */
  readonly isDirectRead: boolean
}

/**
 * How much to write to learn how fast a disk is for this run: a cache of the disk takes the first part at once, so as
 * much as the run itself.
 *
 * @param runBytes what the run will write; null if we do not know
 */
export function bytesToWrite(runBytes: number | null, freeBytes: number): number {
  const most = Math.min(MOST_BYTES, freeBytes * FREE_SHARE)
  return Math.floor(Math.min(most, Math.max(LEAST_BYTES, runBytes ?? USUAL_BYTES)))
}

/** Writes below `dir` the way a migration does, for half a minute at most, measures, and removes the files. */
export function measureDisk(dir: string, sizeBytes: number): DiskMeasure {
  const work = mkdtempSync(join(dir, 'bench-disk-'))
  try {
    const { chunks, rows } = readyChunks()
    placeAll(join(work, 'warm'), chunks, CHUNKS * MIB, MOST_WRITE_MS)
    const pageBytes = Math.ceil(sizeBytes * (1 - RUN_SHARE))
    const placed = placeAll(join(work, 'slab'), chunks, pageBytes, MOST_WRITE_MS * (1 - RUN_SHARE))
    const run = writeRun(join(work, 'run'), Math.ceil(sizeBytes * RUN_SHARE), MOST_WRITE_MS * RUN_SHARE)
    const read = readBack(join(work, 'slab', 'data.mdb'))
    const fsyncMs = fsyncTimes(join(work, 'fsync'))
    const rowsPerByte = rows / chunks.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const writtenBytes = placed.bytes + run.bytes
    return {
      writtenBytes,
      writeBytesPerMs: writtenBytes / (placed.elapsedMs + run.elapsedMs),
      readBytesPerMs: read.bytesPerMs,
      isDirectRead: read.isDirect,
      fsyncP50Ms: fsyncMs[Math.floor(FSYNCS * 0.5)],
      fsyncP99Ms: fsyncMs[Math.floor(FSYNCS * 0.99)],
      placeBytesPerMs: placed.bytes / placed.placeMs,
      placeWorkBytesPerMs: placed.bytes / placed.workMs,
      placeRowsPerSecond: (placed.bytes * rowsPerByte * 1000) / placed.placeMs,
      durableRowsPerSecond: (placed.bytes * rowsPerByte * 1000) / placed.elapsedMs,
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function readyChunks(): { chunks: PageChunk[]; rows: number } {
  const chunks: PageChunk[] = []
  const builder = new LeafBuilder({ dupSort: false, emit: (chunk) => chunks.push(chunk) })
  const row = new Uint8Array(KEY_BYTES + VALUE_BYTES)
  const view = new DataView(row.buffer)
  let rows = 0
  for (; chunks.length < CHUNKS; rows++) {
    view.setUint32(0, rows)
    // Make every row different, because some disks compress.
    for (let at = KEY_BYTES, seed = rows; at + 4 <= row.length; at += 4) {
      seed = Math.imul(seed + at, 0x9e3779b1)
      view.setUint32(at, seed)
    }
    builder.add(row, 0, KEY_BYTES, row, KEY_BYTES, row.length)
  }
  return { chunks, rows }
}

/**
 * Measures both figures in one pass. In separate passes, the first one paid for touching new memory and looked slower.
 */
function placeAll(dir: string, chunks: readonly PageChunk[], wantBytes: number, mostMs: number) {
  const file = SlabFileBuilder.create(dir)
  const startedMs = performance.now()
  const usage = process.cpuUsage()
  let bytes = 0
  let syncMs = 0
  const sync = () => {
    const sinceMs = performance.now()
    file.sync()
    syncMs += performance.now() - sinceMs
  }
  const isEnough = () => bytes >= wantBytes || performance.now() - startedMs > mostMs
  for (let stream = 0; !isEnough(); stream++) {
    for (const chunk of chunks) {
      // A copy, because placing patches page numbers into the bytes.
      file.place(stream, { ...chunk, bytes: chunk.bytes.slice() })
      bytes += chunk.bytes.length
      if (bytes % SYNC_BYTES < chunk.bytes.length) sync()
      if (isEnough()) break
    }
  }
  sync()
  const elapsedMs = performance.now() - startedMs
  const { user, system } = process.cpuUsage(usage)
  file.close()
  return { bytes, elapsedMs, placeMs: elapsedMs - syncMs, workMs: (user + system) / 1000 }
}

function writeRun(path: string, wantBytes: number, mostMs: number) {
  const buf = Buffer.alloc(MIB)
  for (let at = 0; at < buf.length; at += 4) buf.writeUInt32LE(Math.imul(at + 1, 0x9e3779b1) >>> 0, at)
  const fd = openSync(path, 'w', 0o600)
  const startedMs = performance.now()
  let bytes = 0
  while (bytes < wantBytes && performance.now() - startedMs < mostMs) {
    bytes += writeSync(fd, buf)
    if (bytes % SYNC_BYTES === 0) fdatasyncSync(fd)
  }
  fdatasyncSync(fd)
  const elapsedMs = performance.now() - startedMs
  closeSync(fd)
  return { bytes, elapsedMs }
}

/** Reads, and bypasses the page cache if the file system can. */
function readBack(path: string): { bytesPerMs: number; isDirect: boolean } {
  const buf = alignedBytes(MIB)
  try {
    return { bytesPerMs: readAll(path, constants.O_RDONLY | constants.O_DIRECT, buf), isDirect: true }
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EINVAL') throw err
    return { bytesPerMs: readAll(path, constants.O_RDONLY, buf), isDirect: false }
  }
}

function readAll(path: string, flags: number, buf: Uint8Array): number {
  const fd = openSync(path, flags)
  try {
    // Skip the end of the file, which may not be aligned.
    const size = Math.floor(Math.min(fstatSync(fd).size, MOST_READ_BYTES) / buf.length) * buf.length
    const startedMs = performance.now()
    let bytes = 0
    while (bytes < size) bytes += readSync(fd, buf, 0, buf.length, bytes)
    return bytes / (performance.now() - startedMs)
  } finally {
    closeSync(fd)
  }
}

/** Times of small durable writes, ascending. */
function fsyncTimes(path: string): number[] {
  const fd = openSync(path, 'w', 0o600)
  const page = Buffer.alloc(4096, 7)
  const times: number[] = []
  for (let i = 0; i < FSYNCS; i++) {
    const startedMs = performance.now()
    writeSync(fd, page)
    fdatasyncSync(fd)
    times.push(performance.now() - startedMs)
  }
  closeSync(fd)
  return times.sort((a, b) => a - b)
}
