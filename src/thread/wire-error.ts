import { type ErrorCode, MigrationError } from '../errors.js'

/** An error as data: a class of ours would come out of another thread as a bare Error. */
export interface WireError {
  readonly code: ErrorCode | null
  /** The system's name of an error that is none of ours, such as ENOSPC. */
  readonly systemCode: string | null
  readonly message: string
  readonly hint: string | undefined
  readonly path: string | undefined
  readonly stack: string | undefined
}

/** What a call to another thread comes back with. */
export type Wire<T> = { readonly ok: T } | { readonly error: WireError }

export function toWire(err: unknown): WireError {
  const error = err instanceof Error ? err : new Error(String(err))
  const isOurs = err instanceof MigrationError
  return {
    code: isOurs ? err.code : null,
    systemCode: isOurs ? null : ((error as NodeJS.ErrnoException).code ?? null),
    message: error.message,
    hint: isOurs ? err.hint : undefined,
    path: isOurs ? err.path : undefined,
    stack: error.stack,
  }
}

export function fromWire(wire: WireError): Error {
  const { hint, path } = wire
  const options = { ...(hint === undefined ? {} : { hint }), ...(path === undefined ? {} : { path }) }
  const error = wire.code === null ? new Error(wire.message) : new MigrationError(wire.code, wire.message, options)
  if (wire.systemCode !== null) Object.assign(error, { code: wire.systemCode })
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}

/** The value, or the error thrown anew. */
export function unwrap<T>(wire: Wire<T>): T {
  if ('error' in wire) throw fromWire(wire.error)
  return wire.ok
}
