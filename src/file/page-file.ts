import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  statfsSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import { alignedBytes } from './aligned-bytes.js'
import { writeAll } from './write-all.js'

const KEY = 'synapse-migrator page cache'
/** File systems that write straight from memory as fast as they ever write: ext2 to ext4, XFS. Others may be slow, or copy. */
const DIRECT_FILE_SYSTEMS = [0xef53, 0x58465342]
/** What is written at once. Disks that answer late need it large. */
const STAGE_BYTES = 2 << 20

/** Stages of files of this thread that are closed. */
const unused: Uint8Array<ArrayBuffer>[] = []

/** Has all threads that start from now on write through the system's page cache. */
export function usePageCache(): void {
  setEnvironmentData(KEY, true)
}

/**
 * A file of pages that nobody reads before it is complete. Where the file system is known for it, pages go to the disk
 * past the system's page cache: to copy them there costs more processor time than to make them, and pushes out what
 * others read. Pages are collected first, so `sync()` and its like, not `write()`, tell whether they could be written.
 */
export class PageFile {
  private readonly fd: number
  /** The same file, opened to be written past the cache; null where that is not possible. */
  private direct: number | null
  /** Bytes to write at `position`, of which `staged` are there. */
  private stage: Uint8Array<ArrayBuffer> | null = null
  private staged = 0
  private position = 0

  /** @param isNew whether there must be no such file yet, or there must be one */
  constructor(path: string, isNew: boolean) {
    this.fd = openSync(path, isNew ? 'wx+' : 'r+', 0o600)
    try {
      this.direct = openDirect(path)
    } catch (error) {
      closeSync(this.fd)
      throw error
    }
  }

  get size(): number {
    return fstatSync(this.fd).size
  }

  /** Writes whole pages at a position of the same kind. */
  write(bytes: Uint8Array, position: number): void {
    if (this.direct === null) {
      writeAll(this.fd, bytes, position)
      return
    }
    if (position !== this.position + this.staged) this.flush()
    for (let done = 0; done < bytes.length; ) {
      this.stage ??= unused.pop() ?? alignedBytes(STAGE_BYTES)
      if (this.staged === 0) this.position = position + done
      const part = bytes.subarray(done, done + STAGE_BYTES - this.staged)
      this.stage.set(part, this.staged)
      this.staged += part.length
      done += part.length
      if (this.staged === STAGE_BYTES) this.flush()
    }
  }

  truncate(bytes: number): void {
    this.flush()
    ftruncateSync(this.fd, bytes)
  }

  /** Makes what was written durable. */
  sync(): void {
    this.flush()
    fdatasyncSync(this.fd)
  }

  /** Like `sync()` for everything written before the call, while others go on writing. */
  async syncBehind(): Promise<void> {
    this.flush()
    await promisify(fdatasync)(this.fd)
  }

  /** Like `sync()`, with all that the system knows of the file. */
  syncAll(): void {
    this.flush()
    fsyncSync(this.fd)
  }

  /** Closes the file. What was written since the last `sync()` may be lost. */
  close(): void {
    closeSync(this.fd)
    if (this.direct !== null) closeSync(this.direct)
    if (this.stage !== null) unused.push(this.stage)
    this.stage = null
  }

  private flush(): void {
    const { direct, stage, staged, position } = this
    if (staged === 0 || stage === null) return
    this.staged = 0
    const bytes = stage.subarray(0, staged)
    try {
      writeAll(direct ?? this.fd, bytes, position)
    } catch (error) {
      // This disk wants other sizes or places, or wrote a part of it and no more.
      if (direct === null || (error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
      this.direct = null
      closeSync(direct)
      writeAll(this.fd, bytes, position)
    }
  }
}

function openDirect(path: string): number | null {
  const { O_WRONLY, O_DIRECT } = constants
  if (O_DIRECT === undefined || getEnvironmentData(KEY) === true) return null
  if (!DIRECT_FILE_SYSTEMS.includes(statfsSync(path).type)) return null
  try {
    return openSync(path, O_WRONLY | O_DIRECT)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return null
    throw error
  }
}
