import { closeSync, constants, fchmodSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants
/** A day's run writes less than a tenth of this, unless thousands of splices are odd. */
const MOST_BYTES = 8 << 20
/** How many older files we keep; `.1` is the newest. */
const KEPT = 3

/** A log file that only its owner can read. When it gets too long we rename it and remove the oldest one. */
export class LogFile {
  /** Null after a rename, until we reopen the file: the system may have reused the descriptor for another file. */
  private fd: number | null
  private bytes: number

  /** Appends to the file, or creates it. */
  constructor(
    private readonly path: string,
    private readonly mostBytes = MOST_BYTES,
    private readonly kept = KEPT,
  ) {
    this.fd = opened(path)
    this.bytes = fstatSync(this.fd).size
  }

  /** Writes a line at once, so that a crash loses none. */
  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.bytes > 0 && this.bytes + bytes.length > this.mostBytes) this.rotate()
    this.fd ??= opened(this.path)
    // A single write: lines of two processes do not mix.
    this.bytes += writeSync(this.fd, bytes)
  }

  close(): void {
    if (this.fd !== null) closeSync(this.fd)
    this.fd = null
  }

  private rotate(): void {
    this.close()
    rmSync(`${this.path}.${this.kept}`, { force: true })
    for (let at = this.kept - 1; at > 0; at--) renameIfThere(`${this.path}.${at}`, `${this.path}.${at + 1}`)
    renameIfThere(this.path, `${this.path}.1`)
    this.bytes = 0
  }
}

/** Never follows a link: another user who can write to the directory could use one to make us write elsewhere. */
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
