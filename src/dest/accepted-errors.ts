import { readFileSync } from 'node:fs'
import { decode, encode, MsgpackError, PackMap, type Value } from '../bytes/msgpack.js'
import { fromJson, type Json } from '../bytes/value-json.js'
import { fieldOf } from '../bytes/value-parts.js'
import { MigrationError } from '../errors.js'
import { type ErrorRecord, errorOf, errorsOf } from './error-records.js'

/** The fields that identify an error. */
export type Identified = Pick<ErrorRecord, 'step' | 'layer' | 'code' | 'key' | 'val'>

/** The word for "accept all errors". */
export const ACCEPT_ALL = 'all'

const NEWLINE = 0x0a
const OPEN_BRACE = 0x7b

/** Errors that the operator has reviewed and accepts. */
export interface AcceptedErrors {
  /** How many errors of a record are accepted; each value of node data counts separately. */
  countOf(record: Identified): number
  /** Whether every error of a record is accepted. */
  covers(record: Identified): boolean
}

/**
 * Reads a list of errors, as `errors --json` prints it (lines of JSON) or `--dump-errors` writes it (msgpack).
 *
 * @param file its path, or `all`
 * @throws {MigrationError} ERR_CONFIG when it is not such a list
 */
export function readAcceptedErrors(file: string): AcceptedErrors {
  if (file === ACCEPT_ALL) return { countOf: (record) => identities(record).length, covers: () => true }
  const known = new Set<string>()
  for (const record of recordsIn(file)) for (const identity of identities(record)) known.add(identity)
  return {
    countOf: (record) => identities(record).filter((identity) => known.has(identity)).length,
    covers: (record) => identities(record).every((identity) => known.has(identity)),
  }
}

/** One for each thing that a record reports as missing. */
function identities({ step, layer, code, key, val }: Identified): string[] {
  const at = `${step} ${layer ?? ''} ${code} ${Buffer.from(key).toString('hex')}`
  const data = val instanceof PackMap ? val.get('nodedata') : undefined
  if (!(data instanceof PackMap)) return [at]
  return data.entries.map(([name]) => `${at} ${Buffer.from(encode(name)).toString('hex')}`)
}

function* recordsIn(file: string): Generator<Identified> {
  try {
    const content = readFileSync(file)
    if (content.length === 0) return
    if (content[0] === OPEN_BRACE) yield* jsonRecords(content)
    else yield* dumpedRecords(content)
  } catch (cause) {
    if (cause instanceof MigrationError) throw cause
    const isOurs = cause instanceof SyntaxError || cause instanceof TypeError || cause instanceof MsgpackError
    if (!isOurs && (cause as NodeJS.ErrnoException).code === undefined) throw cause
    throw new MigrationError('ERR_CONFIG', `Cannot read accepted errors "${file}": ${(cause as Error).message}`, {
      cause,
      hint: 'Give a file that "synapse-migrator errors DEST --json" or "migrate_020 --dump-errors" has written, or the word all',
    })
  }
}

/** Line by line, because the whole may exceed the maximum length of a string. */
function* jsonRecords(content: Buffer): Generator<Identified> {
  for (let start = 0, end = 0; start < content.length; start = end + 1) {
    end = content.indexOf(NEWLINE, start)
    if (end < 0) end = content.length
    const line = content.toString('utf8', start, end)
    if (line.trim() === '') continue
    const { step, key, value } = JSON.parse(line) as { step?: Json; key?: Json; value?: Json }
    if (typeof step !== 'string' || key === undefined || value === undefined)
      throw new TypeError('it is not a list of errors')
    yield errorOf(step, keyOf(fromJson(key)), fromJson(value))
  }
}

function* dumpedRecords(content: Buffer): Generator<Identified> {
  const list = decode(content)
  if (!Array.isArray(list)) throw new TypeError('it is not a list of errors')
  for (const record of list) {
    const [migrop, key, val] = ['migrop', 'key', 'val'].map((name) => fieldOf(record, name))
    if (typeof migrop !== 'string' || key === undefined || val === undefined)
      throw new TypeError('it is not a list of errors')
    yield* errorsOf({ migrop, key: keyOf(key), val })
  }
}

function keyOf(key: Value): string | Uint8Array {
  if (typeof key === 'string' || key instanceof Uint8Array) return key
  throw new TypeError('the key of an error is neither text nor bytes')
}
