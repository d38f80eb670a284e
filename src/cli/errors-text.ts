import { printable } from '../bytes/printable.js'
import { type Json, toJson } from '../bytes/value-json.js'
import { ErrorCounts } from '../dest/error-counts.js'
import type { ErrorRecord } from '../dest/error-records.js'
import { errorKindInfo } from '../layout/error-record.js'
import { cureLines } from '../migrate/summary.js'
import { count, tableLines } from '../text/table.js'
import type { Paint } from './paint.js'

/** A message may contain a whole value; `--json` shows all of it. */
const MOST_MESSAGE_CHARS = 400

/** Errors for people: counts by step and kind, what cures each kind, then single errors up to the limit. */
export function errorsText(records: Iterable<ErrorRecord>, limit: number, paint: Paint): string {
  const counts = new ErrorCounts()
  const shown: ErrorRecord[] = []
  let total = 0
  for (const record of records) {
    counts.add(record)
    if (total++ < limit) shown.push(record)
  }
  if (total === 0) return `${paint('green', 'no errors')}\n`
  const kinds = [...counts.kinds, ...counts.notes]
  const rows = kinds.map(({ step, code, errors }) => [errors, step, code, errorKindInfo(code).meaning])
  const [head, ...lines] = tableLines([['errors', 'step', 'code', 'meaning'], ...rows])
  const listed = shown.flatMap((record) => ['', ...errorLines(record, paint)])
  const left = total - shown.length
  const rest = left > 0 ? ['', `… and ${count(left)} more: give --limit, or --json for everything`] : []
  return `${[paint('bold', head), ...lines, ...cureLines(kinds), ...listed, ...rest].join('\n')}\n`
}

/** An error as one line of JSON, with everything that was kept of it. `--accept-errors` reads such lines. */
export function errorJson({ buid, key, val, ...plain }: ErrorRecord): Json {
  return {
    ...plain,
    cure: errorKindInfo(plain.code).cure,
    buid: buid && hex(buid),
    key: toJson(key),
    value: toJson(val),
  }
}

function errorLines({ step, code, layer, form, buid, offset, key, message }: ErrorRecord, paint: Paint): string[] {
  const what =
    buid !== null ? hex(buid) : offset !== null ? `splice ${offset}` : typeof key === 'string' ? key : hex(key)
  const where = [layer === null ? '' : `layer ${layer}`, form ?? '', what].filter((part) => part !== '')
  return [`${paint('yellow', `${step} ${code}`)}  ${printable(where.join('  '))}`, `  ${brief(printable(message))}`]
}

function brief(text: string): string {
  return text.length > MOST_MESSAGE_CHARS ? `${text.slice(0, MOST_MESSAGE_CHARS)}…` : text
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
