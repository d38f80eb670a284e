import { PackMap } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import { BadUrl, LinkDown, TelepathError } from '../telepath/errors.js'

/**
 * What a failure of a Cortex means for a request:
 * - `link`: nobody knows whether it was done; ask again when the connection is back;
 * - `refused`: it was not done, and will not be until someone changes a password, a permission or a name;
 * - `data`: the edits themselves, or some of them, cannot be stored.
 */
export type RemoteFailure = 'link' | 'refused' | 'data'

/** A Cortex that is shutting down, or has lost something it needs itself, says nothing about the edits. */
const LINK_NAMES = new Set(['IsFini', 'LinkErr', 'LinkShutDown', 'LinkBadCert', 'TimeOut', 'IsReadOnly', 'SlabInUse'])
const LINK_PYTHON = new Set([
  'BrokenPipeError',
  'CancelledError',
  'ConnectionError',
  'ConnectionResetError',
  'DiskError',
  'MapFullError',
  'MapResizedError',
  'MemoryError',
  'OSError',
  'TimeoutError',
])
const REFUSED_NAMES = new Set([
  'AuthDeny',
  'BadMesgVers',
  'NoSuchLayer',
  'NoSuchMeth',
  'NoSuchName',
  'NoSuchObj',
  'NoSuchPath',
  'NoSuchUser',
])

/** A Cortex answered with something that this call never returns. Ignoring it could turn a "no" into a "yes". */
export class OddAnswer extends TelepathError {
  constructor(method: string, expected: string) {
    super('BadAnswer', new PackMap([['mesg', `${method} has not answered with ${expected}`]]))
  }
}

/**
 * Classifies a failure. Throws anything that is neither from a connection nor from a Cortex, because it must be a bug.
 */
export function sortFailure(error: unknown): RemoteFailure {
  if (error instanceof LinkDown) return 'link'
  if (!(error instanceof TelepathError)) {
    const isConfig = error instanceof MigrationError && error.code === 'ERR_CONFIG'
    if (isConfig || error instanceof BadUrl) return 'refused'
    throw error
  }
  if (REFUSED_NAMES.has(error.name)) return 'refused'
  const python = error.info.get('errx')
  if (LINK_NAMES.has(error.name) || LINK_PYTHON.has(error.name)) return 'link'
  if (typeof python === 'string' && (LINK_NAMES.has(python) || LINK_PYTHON.has(python))) return 'link'
  return 'data'
}
