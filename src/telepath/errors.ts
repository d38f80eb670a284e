import { PackMap, type Value } from '../bytes/msgpack.js'
import { printable } from '../bytes/printable.js'
import { pyRepr } from '../python/repr.js'

/**
 * An exception from the peer. `name` is its Python class without module (`AuthDeny`, `NoSuchLayer`, `TypeError`, …),
 * `info` its fields in the peer's order, mostly `mesg` and where it was raised.
 */
export class TelepathError extends Error {
  override readonly name: string

  constructor(
    name: string,
    readonly info: PackMap = new PackMap([]),
  ) {
    super(textOf(name, info))
    this.name = name
  }

  /** An exception of ours to send to a peer. */
  static of(name: string, fields: Record<string, Value>): TelepathError {
    return new TelepathError(name, new PackMap(Object.entries(fields)))
  }
}

/**
 * The connection failed, was lost, or its peer broke the protocol. The outcome of a request in progress is unknown.
 * `code` is the system's (`ECONNREFUSED`, `ENOTFOUND`, …), if there is one.
 */
export class LinkDown extends Error {
  override readonly name = 'LinkDown'
  readonly code: string | undefined

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    const code = (cause as { code?: unknown } | undefined)?.code
    this.code = typeof code === 'string' ? code : undefined
  }
}

/** A url that we cannot use. The text never contains the password. */
export class BadUrl extends Error {
  override readonly name = 'BadUrl'
}

/** Synapse's text form, `Class: k1=repr k2=repr …` with sorted keys, without positions in the peer's source. */
function textOf(name: string, info: PackMap): string {
  const shown = info.entries.filter(([key]) => typeof key === 'string' && !SOURCE_FIELDS.has(key)) as [string, Value][]
  // Whatever the peer sends, make it one line of a log.
  if (shown.length === 0) return printable(name)
  return `${printable(name)}: ${shown
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${printable(key)}=${pyRepr(value)}`)
    .join(' ')}`
}

const SOURCE_FIELDS = new Set(['efile', 'eline', 'esrc', 'ename', 'etb'])
