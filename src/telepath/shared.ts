import { PackMap, type Value } from '../bytes/msgpack.js'
import { TelepathError } from './errors.js'

/** What a method gets besides its arguments. */
export interface Caller<U> {
  readonly user: U
  /** The other end's address, or `unix`. */
  readonly peer: string
}

/**
 * A method that clients may call. `run` gets the arguments in the order of `params`, with undefined for missing ones.
 */
export interface Method<U> {
  /** Parameter names. Those that end in `?` are optional. */
  readonly params?: readonly string[]
  readonly run: (caller: Caller<U>, ...args: (Value | undefined)[]) => Value | undefined | Promise<Value | undefined>
}

/** A method that yields values one by one. */
export interface Generator<U> {
  readonly params?: readonly string[]
  readonly yields: (caller: Caller<U>, ...args: (Value | undefined)[]) => AsyncIterable<Value> | Iterable<Value>
}

/** An object that a server offers. */
export interface Shared<U> {
  /** Python classes, most specific first. A Cortex looks for one that ends in `StormSvc`. */
  readonly classes: readonly string[]
  readonly version: readonly [number, number, number]
  readonly methods: ReadonlyMap<string, Method<U> | Generator<U>>
}

/** What the handshake says about an object. */
export function sharinfoOf<U>(shared: Shared<U>): PackMap {
  const generators = [...shared.methods].filter(([, method]) => 'yields' in method).map(([name]) => name)
  const genr = new PackMap([['genr', true]])
  return new PackMap([
    ['meths', new PackMap(generators.sort().map((name) => [name, genr]))],
    ['syn:version', [...shared.version]],
    ['classes', [...shared.classes]],
  ])
}

/**
 * Puts the arguments of a call in the order of the method's parameters.
 *
 * @throws {TelepathError} TypeError in Python's words when they do not fit
 */
export function bindArgs(
  method: string,
  params: readonly string[],
  args: readonly Value[],
  kwargs: PackMap,
): (Value | undefined)[] {
  const names = params.map((name) => name.replace(/\?$/, ''))
  if (args.length > params.length) {
    const least = params.filter((name) => !name.endsWith('?')).length
    const counts = least === params.length ? `${least + 1}` : `from ${least + 1} to ${params.length + 1}`
    throw typeError(`${method}() takes ${counts} positional arguments but ${args.length + 1} were given`)
  }
  const bound: (Value | undefined)[] = names.map((_, i) => args[i])
  for (const [key, value] of kwargs.entries) {
    const at = typeof key === 'string' ? names.indexOf(key) : -1
    if (at < 0) throw typeError(`${method}() got an unexpected keyword argument '${key}'`)
    if (at < args.length) throw typeError(`${method}() got multiple values for argument '${key}'`)
    bound[at] = value
  }
  const missing = names.filter((_, i) => bound[i] === undefined && !params[i].endsWith('?')).map((name) => `'${name}'`)
  if (missing.length > 0) {
    const noun = missing.length === 1 ? 'argument' : 'arguments'
    throw typeError(`${method}() missing ${missing.length} required positional ${noun}: ${enumerate(missing)}`)
  }
  return bound
}

function enumerate(names: readonly string[]): string {
  if (names.length < 3) return names.join(' and ')
  return `${names.slice(0, -1).join(', ')}, and ${names.at(-1)}`
}

function typeError(mesg: string): TelepathError {
  return TelepathError.of('TypeError', { mesg })
}
