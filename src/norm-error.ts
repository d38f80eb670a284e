import { decode, encode, type Value } from './bytes/msgpack.js'
import { pyRepr } from './python/repr.js'

/** A value that a type rejects. `errName` is the class of the reference's exception, `message` its text. */
export class NormError extends Error {
  override readonly name = 'NormError'

  constructor(
    readonly errName: string,
    message: string,
  ) {
    super(message)
  }
}

/** A type definition that makes no sense; `errName` and `message` are those of the reference's exception. */
export class ModelError extends Error {
  override readonly name = 'ModelError'

  constructor(
    readonly errName: string,
    message: string,
  ) {
    super(message)
  }
}

/** Values that Python has as a list (because it split a text) and also prints that way. */
export class PyList {
  constructor(readonly items: readonly Value[]) {}
}

/** An exception of Synapse's own, whose text names its fields in alphabetical order. */
export function synError(errName: string, fields: { readonly [field: string]: Value | PyList }): NormError {
  const texts = Object.keys(fields)
    .sort()
    .map((field) => `${field}=${reprOf(fields[field])}`)
  return new NormError(errName, `${errName}: ${texts.join(' ')}`)
}

/** The msgpack of a value. @throws {NormError} when it holds an int of more than 64 bits */
export function packed(value: Value): Uint8Array {
  try {
    return encode(value)
  } catch {
    throw new NormError('OverflowError', 'Integer value out of range')
  }
}

/** What Python gets after packing and unpacking a value. */
export function repacked(value: Value): Value {
  return decode(packed(value))
}

function reprOf(value: Value | PyList): string {
  return value instanceof PyList ? `[${value.items.map(pyRepr).join(', ')}]` : pyRepr(value)
}
