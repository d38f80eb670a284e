/** Exit codes of every executable, frozen by a test. */
export const ExitCode = {
  ok: 0,
  internal: 1,
  usage: 2,
  config: 3,
  preflight: 4,
  source: 5,
  dest: 6,
  differs: 7,
  quarantined: 8,
  resumeRefused: 9,
  locked: 10,
  errorBudget: 11,
  sigint: 130,
  sigterm: 143,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** What each exit code means, in the words that the commands' help and the README use. */
export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: 'all done',
  1: 'an internal error: please report it',
  2: 'bad arguments',
  3: 'bad configuration file',
  4: 'refused before anything was written: the message says why',
  5: 'the source is unreadable or corrupt',
  6: 'writing the destination failed: once it can be written, --from-last continues',
  7: 'verification found differences',
  8: 'finished, but some rows were not migrated: they are in the migration log; --accept-errors makes it 0',
  9: '--from-last refused: the checkpoint belongs to another source or to other options',
  10: 'another run holds the destination',
  11: 'more errors than --max-errors allows: stopped, --from-last with a larger number continues',
  130: 'interrupted, checkpoint saved: the same command with --from-last continues',
  143: 'interrupted, checkpoint saved: the same command with --from-last continues',
}

/** What went wrong with a whole run. A bad row is data, and never one of these. */
export type ErrorCode =
  | 'ERR_USAGE'
  | 'ERR_CONFIG'
  | 'ERR_PREFLIGHT'
  | 'ERR_LMDB_BINDING'
  | 'ERR_SOURCE'
  | 'ERR_SLAB_FORMAT'
  | 'ERR_SLAB_CORRUPT'
  | 'ERR_SOURCE_CHANGED'
  | 'ERR_DEST'
  | 'ERR_DEST_BOOTED'
  | 'ERR_CHECKPOINT_MISMATCH'
  | 'ERR_LOCKED'
  | 'ERR_ERROR_BUDGET'
  | 'ERR_INTERNAL'

const exitCodes: Record<ErrorCode, ExitCode> = {
  ERR_USAGE: ExitCode.usage,
  ERR_CONFIG: ExitCode.config,
  ERR_PREFLIGHT: ExitCode.preflight,
  ERR_LMDB_BINDING: ExitCode.preflight,
  ERR_SOURCE: ExitCode.source,
  ERR_SLAB_FORMAT: ExitCode.source,
  ERR_SLAB_CORRUPT: ExitCode.source,
  ERR_SOURCE_CHANGED: ExitCode.source,
  ERR_DEST: ExitCode.dest,
  ERR_DEST_BOOTED: ExitCode.preflight,
  ERR_CHECKPOINT_MISMATCH: ExitCode.resumeRefused,
  ERR_LOCKED: ExitCode.locked,
  ERR_ERROR_BUDGET: ExitCode.errorBudget,
  ERR_INTERNAL: ExitCode.internal,
}

/** An error that stops a run: what it was doing, to what, what it found and, in `hint`, what to do about it. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  /** The file or directory at fault, if there is one. */
  readonly path: string | undefined

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string; path?: string } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : {})
    this.code = code
    this.hint = options.hint
    this.path = options.path
  }

  get exitCode(): ExitCode {
    return exitCodes[this.code]
  }
}

/** Throws when a condition is false that only a bug can make false. */
export function assert(cond: unknown, message: () => string): asserts cond {
  if (!cond) throw new MigrationError('ERR_INTERNAL', message())
}
