import { PackMap, type Value } from '../bytes/msgpack.js'
import { printable } from '../bytes/printable.js'
import { pyRepr } from '../python/repr.js'

/**
 * An exception that the peer answered with: `name` is its Python class without module (`AuthDeny`, `NoSuchLayer`,
 * `TypeError`, …), `info` its fields in the peer's order, mostly `mesg` and where it was raised.
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

  /** An exception of our own side, to be sent to a peer. */
  static of(name: string, fields: Record<string, Value>): TelepathError {
    return new TelepathError(name, new PackMap(Object.entries(fields)))
  }
}

/**
 * The connection could not be made, was lost, or its peer broke the protocol; of a request under way the outcome is
 * unknown. `code` is the system's (`ECONNREFUSED`, `ENOTFOUND`, …) where there is one.
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

/** A url that cannot be used; the text never holds the password. */
export class BadUrl extends Error {
  override readonly name = 'BadUrl'
}

/** Synapse's text form, `Class: k1=repr k2=repr …` with keys sorted, without the lines of the peer's own source. */
function textOf(name: string, info: PackMap): string {
  const shown = info.entries.filter(([key]) => typeof key === 'string' && !SOURCE_FIELDS.has(key)) as [string, Value][]
  // Whatever the peer says, it is one line of a log.
  if (shown.length === 0) return printable(name)
  return `${printable(name)}: ${shown
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${printable(key)}=${pyRepr(value)}`)
    .join(' ')}`
}

const SOURCE_FIELDS = new Set(['efile', 'eline', 'esrc', 'ename', 'etb'])
