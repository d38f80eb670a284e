import { type ErrorCode, MigrationError } from '../errors.js'

/** An error as data: one of our classes would arrive from another thread as a plain Error. */
export interface WireError {
  readonly code: ErrorCode | null
  /** Details of a system error; null for our own errors. */
  readonly system: SystemRefusal | null
  readonly message: string
  readonly hint: string | undefined
  readonly path: string | undefined
  readonly stack: string | undefined
}

/** The system's name of an error, such as ENOSPC, and the call that failed. */
interface SystemRefusal {
  readonly code: string
  readonly syscall: string | undefined
}

/** The result of a call to another thread. */
export type Wire<T> = { readonly ok: T } | { readonly error: WireError }

export function toWire(err: unknown): WireError {
  const error = err instanceof Error ? err : new Error(String(err))
  const isOurs = err instanceof MigrationError
  return {
    code: isOurs ? err.code : null,
    system: isOurs ? null : refusalOf(error),
    message: error.message,
    hint: isOurs ? err.hint : undefined,
    path: (error as NodeJS.ErrnoException).path,
    stack: error.stack,
  }
}

function refusalOf({ code, syscall }: NodeJS.ErrnoException): SystemRefusal | null {
  return code === undefined ? null : { code, syscall }
}

export function fromWire(wire: WireError): Error {
  const { hint, path } = wire
  const options = { ...(hint === undefined ? {} : { hint }), ...(path === undefined ? {} : { path }) }
  const error = wire.code === null ? new Error(wire.message) : new MigrationError(wire.code, wire.message, options)
  if (wire.system !== null) Object.assign(error, wire.system, path === undefined ? {} : { path })
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}

/** Returns the value, or throws the error again. */
export function unwrap<T>(wire: Wire<T>): T {
  if ('error' in wire) throw fromWire(wire.error)
  return wire.ok
}
