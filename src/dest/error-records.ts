import { decode, PackMap, type Value } from '../bytes/msgpack.js'
import { toJson } from '../bytes/value-json.js'
import { codeOf, type ErrorCode } from '../layout/error-record.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { LOG_DB, type LogRecord, logRecords, migrationLogPath } from './migration-log.js'

/** Something that we did not migrate, with what the log kept of it. */
export interface ErrorRecord {
  /** The step of the migration: `nodes`, `nodedata`, `splices`, `triggers` … */
  readonly step: string
  /** The kind of error, see `ERROR_KINDS`. */
  readonly code: ErrorCode
  readonly layer: string | null
  readonly form: string | null
  /** The node's buid; null for errors of other things. */
  readonly buid: Uint8Array | null
  /** The splice's offset; null for errors of other things. */
  readonly offset: number | null
  /** The key in the log: text, or bytes for a buid. */
  readonly key: string | Uint8Array
  readonly message: string
  /** The full value in the log. */
  readonly val: Value
}

/**
 * Reads the errors of a migration log in key order, read-only. Splice errors that the reference stored come last.
 *
 * @returns null when there is no migration log
 */
export function readErrorRecords(destDir: string): Generator<ErrorRecord> | null {
  return SlabReader.exists(migrationLogPath(destDir)) ? errorRecords(destDir) : null
}

function* errorRecords(destDir: string): Generator<ErrorRecord> {
  const own = SlabReader.open(migrationLogPath(destDir))
  try {
    for (const record of logRecords(own.db(LOG_DB)?.rows() ?? [], undefined, 'error')) yield* errorsOf(record)
    own.assertUnchanged()
  } finally {
    own.close()
  }
  yield* referenceSpliceErrors(destDir)
}

/** Errors in the reference's splice cell: the key is the layer's iden in bytes and the offset. */
function* referenceSpliceErrors(destDir: string): Generator<ErrorRecord> {
  const path = cortexPaths(destDir).migration.spliceErrors
  if (!SlabReader.exists(path)) return
  const slab = SlabReader.open(path)
  try {
    for (const { key, value } of slab.db('errors')?.rows() ?? []) {
      const layer = Buffer.from(key.subarray(0, 16)).toString('hex')
      const offset = key.length === 24 ? Number(Buffer.from(key).readBigUInt64BE(16)) : null
      yield { ...errorOf('splices', key, decode(value)), layer, offset }
    }
  } finally {
    slab.close()
  }
}

/** Errors of several layers for one buid share a record. */
export function* errorsOf({ migrop, key, val }: Pick<LogRecord, 'migrop' | 'key' | 'val'>): Generator<ErrorRecord> {
  const more = val instanceof PackMap ? val.get('more') : undefined
  if (!(val instanceof PackMap) || !Array.isArray(more)) {
    yield errorOf(migrop, key, val)
    return
  }
  yield errorOf(migrop, key, new PackMap(val.entries.filter(([name]) => name !== 'more')))
  for (const other of more) yield errorOf(migrop, key, other)
}

/** Makes an error from its row in the log. */
export function errorOf(step: string, key: string | Uint8Array, val: Value): ErrorRecord {
  const message = messageOf(val)
  const field = (name: string) => (val instanceof PackMap ? val.get(name) : undefined)
  const [layer, offset] = [field('layer'), field('offset')]
  return {
    step,
    code: codeOf(step, val),
    layer: typeof layer === 'string' ? layer : null,
    form: formOf(field('form'), field('node'), field('splices')),
    buid: typeof key !== 'string' && step !== 'splices' ? key : null,
    offset: typeof offset === 'number' ? offset : null,
    key,
    message,
    val,
  }
}

/** The reference records some errors as plain text, and those of cell steps under `err`. */
function messageOf(val: Value): string {
  if (typeof val === 'string') return val
  const text = val instanceof PackMap ? (val.get('mesg') ?? val.get('err')) : undefined
  return typeof text === 'string' ? text : JSON.stringify(toJson(val))
}

/**
 * The form: as named in the record, or from a node `[buid, {ndef: [*form, valu]}]`, or from the first of a list of
 * splices `[type, {ndef}]`.
 */
function formOf(named: Value | undefined, node: Value | undefined, splices: Value | undefined): string | null {
  if (typeof named === 'string') return named
  const from = Array.isArray(node) ? node : Array.isArray(splices) && Array.isArray(splices[0]) ? splices[0] : []
  const ndef = from[1] instanceof PackMap ? from[1].get('ndef') : undefined
  const form = Array.isArray(ndef) ? ndef[0] : undefined
  return typeof form === 'string' ? form.replace(/^\*/, '') : null
}
