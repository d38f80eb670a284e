import { resolve } from 'node:path'
import { MigrationError } from '../errors.js'
import { isInside } from './real-path.js'

/** What the system says when a disk takes no more. */
const DISK_ERRORS = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EROFS']
/** What it says when a process has too many open files. */
const OPEN_FILE_ERRORS = ['EMFILE', 'ENFILE']

/** Where a run reads and where it writes. */
export interface RunDirs {
  readonly srcDir: string
  readonly destDir: string
}

/**
 * An error of a whole run: a call that the system refused, as what it means for the source or the destination; any other
 * error as it is. Calls of ours whose refusal is foreseen say more; this is for those that nobody foresaw.
 */
export function runError(error: unknown, { srcDir, destDir }: RunDirs): unknown {
  if (error instanceof MigrationError || !isSystemError(error)) return error
  const { path } = error
  if (path !== undefined && isIn(path, destDir)) return destFailure(error)
  if (path !== undefined && isIn(path, srcDir)) {
    return new MigrationError('ERR_SOURCE', `Cannot read the source: ${error.message}`, {
      cause: error,
      path,
      hint: 'Check the disk and who may use it, then run the same command again',
    })
  }
  return knownFailure(error) ?? error
}

/** A refusal that means the same whatever it was about; null when it is none. */
export function knownFailure(error: unknown): MigrationError | null {
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException
  if (DISK_ERRORS.includes(code)) return destFailure(error as NodeJS.ErrnoException)
  if (!OPEN_FILE_ERRORS.includes(code)) return null
  return new MigrationError('ERR_DEST', `Cannot open another file: ${(error as Error).message}`, {
    cause: error,
    hint: 'Raise the limit of open files (ulimit -n), or give fewer --workers; a migration continues with --from-last',
  })
}

function destFailure(error: NodeJS.ErrnoException): MigrationError {
  if (OPEN_FILE_ERRORS.includes(error.code ?? '')) return knownFailure(error) as MigrationError
  return new MigrationError('ERR_DEST', `Cannot write to the destination: ${error.message}`, {
    cause: error,
    hint: 'Check its disk and its free space, then run the same command again; a migration continues with --from-last',
    ...(error.path === undefined ? {} : { path: error.path }),
  })
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string'
}

function isIn(path: string, dir: string): boolean {
  const [at, top] = [resolve(path), resolve(dir)]
  return at === top || isInside(at, top)
}
