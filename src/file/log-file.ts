import { closeSync, constants, fchmodSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants
/** A run of a day writes less than a tenth of it, unless thousands of splices are odd. */
const MOST_BYTES = 8 << 20
/** Older files: `.1` is the newest of them. */
const KEPT = 3

/** A log in a file that only its owner can read. What becomes too long is renamed, and the oldest is removed. */
export class LogFile {
  private fd: number
  private bytes: number

  /** Continues with the file, or makes it. */
  constructor(
    private readonly path: string,
    private readonly mostBytes = MOST_BYTES,
    private readonly kept = KEPT,
  ) {
    this.fd = opened(path)
    this.bytes = fstatSync(this.fd).size
  }

  /** Writes a line with its line feed at once: a crash loses none. */
  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.bytes > 0 && this.bytes + bytes.length > this.mostBytes) this.rotate()
    // One call: lines of two processes do not mix.
    this.bytes += writeSync(this.fd, bytes)
  }

  close(): void {
    closeSync(this.fd)
  }

  private rotate(): void {
    closeSync(this.fd)
    rmSync(`${this.path}.${this.kept}`, { force: true })
    for (let at = this.kept - 1; at > 0; at--) renameIfThere(`${this.path}.${at}`, `${this.path}.${at + 1}`)
    renameIfThere(this.path, `${this.path}.1`)
    this.fd = opened(this.path)
    this.bytes = 0
  }
}

/** Whoever may write to the directory shall not lead what is written elsewhere. */
function opened(path: string): number {
  const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  fchmodSync(fd, 0o600)
  return fd
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
