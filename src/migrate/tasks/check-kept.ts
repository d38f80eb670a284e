import { closeSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { hexOf } from '../../bytes/hash.js'
import { Xxh64 } from '../../bytes/xxh64.js'
import type { OpenFile } from '../../file/read-at.js'
import { PAGE_BYTES } from '../../page/format.js'
import { leafPath, readLeaves } from '../../page/leaf-file.js'
import type { StreamState } from '../../page/page-chunk.js'
import { checkRunBlocks } from '../../run/run-blocks.js'

const READ_BYTES = 1 << 20

export interface CheckPagesInput {
  /** A slab under construction. */
  readonly path: string
  readonly streams: readonly StreamState[]
}

/**
 * Compares the pages of streams, and the lists of their leaf pages, with their digests. Returns the streams that have
 * changed since they were placed.
 */
export function checkPages({ path, streams }: CheckPagesInput): number[] {
  const buf = Buffer.allocUnsafeSlow(READ_BYTES)
  const fd = openSync(path, 'r')
  const leaves = openLeaves(dirname(path))
  try {
    const isKept = (state: StreamState) => digestOf(fd, state, buf) === state.digest && areLeavesKept(leaves, state)
    return streams.filter((state) => !isKept(state)).map(({ stream }) => stream)
  } finally {
    closeSync(fd)
    if (leaves !== null) closeSync(leaves.fd)
  }
}

/** What is wrong with a run, or null. */
export function checkRun({ path }: { path: string }): string | null {
  try {
    checkRunBlocks(path)
    return null
  } catch (error) {
    // Whatever the cause, even a disk that cannot read it: the run is made again.
    return (error as Error).message
  }
}

/** Null when it cannot be opened, for any reason: all streams are then made again. */
function openLeaves(dir: string): OpenFile | null {
  const path = leafPath(dir)
  try {
    return { path, fd: openSync(path, 'r') }
  } catch {
    return null
  }
}

function areLeavesKept(file: OpenFile | null, { leaves }: StreamState): boolean {
  try {
    return file !== null && leaves !== null && readLeaves(file, leaves) !== null
  } catch {
    return false
  }
}

/** Null when the file ends too soon, or cannot be read. */
function digestOf(fd: number, { extents }: StreamState, buf: Buffer): string | null {
  const hash = new Xxh64()
  try {
    for (const { first, count } of extents) {
      const end = (first + count) * PAGE_BYTES
      for (let at = first * PAGE_BYTES; at < end; ) {
        const got = readSync(fd, buf, 0, Math.min(READ_BYTES, end - at), at)
        if (got === 0) return null
        hash.update(buf.subarray(0, got))
        at += got
      }
    }
  } catch {
    return null
  }
  return hexOf(hash.digest())
}
