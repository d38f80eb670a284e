/** Exit codes of every executable, frozen by a test; the README explains each. */
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

/** What went wrong with a whole run, by meaning; a bad row is data and never one of these. */
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

/** A run that cannot go on: what was being done, to what, what was found and, in `hint`, what to do about it. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : {})
    this.code = code
    this.hint = options.hint
  }

  get exitCode(): ExitCode {
    return exitCodes[this.code]
  }
}

/** Throws when a condition that only a bug can break is broken. */
export function assert(cond: unknown, message: () => string): asserts cond {
  if (!cond) throw new MigrationError('ERR_INTERNAL', message())
}
