import { resolve } from 'node:path'
import { MigrationError } from '../errors.js'
import { isInside } from './real-path.js'

/** Error codes of a disk that takes no more data. */
const DISK_ERRORS = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EROFS']
/** Error codes of a process with too many open files. */
const OPEN_FILE_ERRORS = ['EMFILE', 'ENFILE']

/** Calls of the system that only read, as Node names them. */
const READ_CALLS = ['read', 'scandir', 'opendir', 'stat', 'lstat', 'fstat', 'statfs', 'readlink', 'realpath']

const READ_HINT = 'Check the disk and who may use it, then run the same command again'

/** What a run does with its destination. */
type DestVerb = 'read' | 'write to'

/** The directories of a run. */
export interface RunDirs {
  readonly srcDir: string
  readonly destDir: string
}

/**
 * Turns a system error that nobody handled into one that tells the user what it means for the source or the
 * destination. Returns any other error unchanged. Calls whose failure we expect have better messages of their own.
 *
 * @param verb what the run does with the destination
 */
export function runError(error: unknown, { srcDir, destDir }: RunDirs, verb: DestVerb = 'write to'): unknown {
  if (error instanceof MigrationError || !isSystemError(error)) return error
  const { path } = error
  if (isOfOpenFiles(error)) return openFilesFailure(error)
  if (path !== undefined && isIn(path, destDir)) return destFailure(error, verb)
  if (path !== undefined && isIn(path, srcDir)) {
    return new MigrationError('ERR_SOURCE', `Cannot read the source: ${error.message}`, {
      cause: error,
      path,
      hint: READ_HINT,
    })
  }
  return knownFailure(error, verb) ?? error
}

/**
 * A system error that means the same for every file; null when it is none of those.
 *
 * @param verb what the run does with its destination; absent for a command that has none
 */
export function knownFailure(error: unknown, verb?: DestVerb): MigrationError | null {
  const refusal = (error ?? {}) as NodeJS.ErrnoException
  if (isOfOpenFiles(refusal)) return openFilesFailure(refusal)
  if (!DISK_ERRORS.includes(refusal.code ?? '')) return null
  if (verb === undefined && READ_CALLS.includes(refusal.syscall ?? '')) {
    return new MigrationError('ERR_SOURCE', `Cannot read a file: ${refusal.message}`, {
      cause: error,
      hint: READ_HINT,
    })
  }
  return destFailure(refusal, verb ?? 'write to')
}

/** The limit is the process's, so it does not matter which file it was. */
function openFilesFailure(error: NodeJS.ErrnoException): MigrationError {
  return new MigrationError('ERR_DEST', `Cannot open another file: ${error.message}`, {
    cause: error,
    hint: 'Raise the limit of open files (ulimit -n), or give fewer --workers; a migration continues with --from-last',
  })
}

function destFailure(error: NodeJS.ErrnoException, verb: DestVerb): MigrationError {
  const about = { cause: error, ...(error.path === undefined ? {} : { path: error.path }) }
  if (verb === 'read') {
    return new MigrationError('ERR_DEST', `Cannot read the destination: ${error.message}`, {
      hint: READ_HINT,
      ...about,
    })
  }
  return new MigrationError('ERR_DEST', `Cannot write to the destination: ${error.message}`, {
    hint: 'Check its disk and its free space, then run the same command again; a migration continues with --from-last',
    ...about,
  })
}

function isOfOpenFiles({ code = '' }: NodeJS.ErrnoException): boolean {
  return OPEN_FILE_ERRORS.includes(code)
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string'
}

function isIn(path: string, dir: string): boolean {
  const [at, top] = [resolve(path), resolve(dir)]
  return at === top || isInside(at, top)
}
