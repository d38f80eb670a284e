import { PackMap } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import { BadUrl, LinkDown, TelepathError } from '../telepath/errors.js'

/**
 * What a failure of a Cortex means for what was asked of it:
 * - `link`: nobody knows whether it was done; ask again when the connection is back;
 * - `refused`: it was not done, and will not be until somebody changes a password, a permission or a name;
 * - `data`: the edits themselves cannot be stored, in whole or in part.
 */
export type RemoteFailure = 'link' | 'refused' | 'data'

/** A Cortex that is shutting down, or has lost its own ground, says nothing about the edits. */
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

/** A Cortex has answered with what the call never gives: taken for nothing, it could make a yes. */
export class OddAnswer extends TelepathError {
  constructor(method: string, expected: string) {
    super('BadAnswer', new PackMap([['mesg', `${method} has not answered with ${expected}`]]))
  }
}

/** Sorts a failure; what is neither of a connection nor of a Cortex is thrown on, as only a bug can be. */
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
