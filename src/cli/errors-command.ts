import { Command } from 'commander'
import { toJson } from '../bytes/value-json.js'
import { ExitCode, MigrationError } from '../errors.js'
import { ERROR_CODES, type ErrorCode, type ErrorRecord, readErrorRecords } from '../target/error-records.js'
import { migrationLogPath } from '../target/migration-log.js'
import { atLeastOne, runCommand } from './run-command.js'
import { type Style, styleOf } from './style.js'
import { count, printable, tableLines } from './table.js'

/** Errors that are shown one by one unless `--limit` says otherwise; the counts are always of all. */
const MOST_SHOWN = 100
/** A message may hold a whole value; `--json` shows all of it. */
const MOST_MESSAGE_CHARS = 400

interface Options {
  readonly json?: boolean
  readonly step?: string
  readonly layer?: string
  readonly limit?: number
}

/** Runs `synapse-migrator errors DEST`. */
export function errorsCommand(args: readonly string[], name: string): Promise<number> {
  const codes = Object.entries(ERROR_CODES).map(([code, about]) => `  ${code.padEnd(10)}${about}`)
  const command = new Command(name)
    .description(
      'Lists what a migration could not carry over, from the migration log of its destination. Writes nothing.',
    )
    .argument('<dest>', 'directory of the migrated Cortex')
    .option('--step <name>', 'only errors of this step: nodes, nodedata, splices, triggers …')
    .option('--layer <iden>', 'only errors of this layer; the first digits are enough')
    .option('--limit <n>', `list n errors at most (default: ${MOST_SHOWN}, with --json all)`, atLeastOne)
    .option('--json', 'print each error with all that was kept of it, as one line of JSON')
    .addHelpText('after', `\nCodes:\n${codes.join('\n')}`)
  return runCommand<Options>(command, args, (options, [dest]) => {
    const records = readErrorRecords(dest)
    if (records === null) {
      throw new MigrationError('ERR_DEST', `Cannot list errors of "${dest}": there is no ${migrationLogPath(dest)}`, {
        hint: 'give the directory that --dest of the migration named',
      })
    }
    if (options.json === true) printLines(filtered(records, options), options.limit ?? Number.POSITIVE_INFINITY)
    else
      process.stdout.write(errorsText(filtered(records, options), options.limit ?? MOST_SHOWN, styleOf(process.stdout)))
    return ExitCode.ok
  })
}

function* filtered(records: Iterable<ErrorRecord>, { step, layer }: Options): Generator<ErrorRecord> {
  for (const record of records) {
    if (step !== undefined && record.step !== step) continue
    if (layer !== undefined && record.layer?.startsWith(layer) !== true) continue
    yield record
  }
}

function printLines(records: Iterable<ErrorRecord>, limit: number): void {
  let printed = 0
  for (const record of records) {
    if (printed++ === limit) return
    const { buid, key, val, ...plain } = record
    const line = { ...plain, buid: buid && hex(buid), key: toJson(key), value: toJson(val) }
    process.stdout.write(`${JSON.stringify(line)}\n`)
  }
}

function errorsText(records: Iterable<ErrorRecord>, limit: number, style: Style): string {
  const counts = new Map<string, { step: string; code: ErrorCode; errors: number }>()
  const shown: ErrorRecord[] = []
  let total = 0
  for (const record of records) {
    const id = `${record.step} ${record.code}`
    const entry = counts.get(id) ?? { step: record.step, code: record.code, errors: 0 }
    entry.errors++
    counts.set(id, entry)
    if (total++ < limit) shown.push(record)
  }
  if (total === 0) return `${style.green('no errors')}\n`
  const rows = [...counts.values()].map(({ step, code, errors }) => [errors, step, code, ERROR_CODES[code]])
  const [head, ...lines] = tableLines([['errors', 'step', 'code', 'meaning'], ...rows])
  const listed = shown.flatMap((record) => ['', ...errorLines(record, style)])
  const left = total - shown.length
  const rest = left > 0 ? ['', `… and ${count(left)} more: give --limit, or --json for everything`] : []
  return `${[style.bold(head), ...lines, ...listed, ...rest].join('\n')}\n`
}

function errorLines({ step, code, layer, form, buid, offset, key, message }: ErrorRecord, style: Style): string[] {
  const what =
    buid !== null ? hex(buid) : offset !== null ? `splice ${offset}` : typeof key === 'string' ? key : hex(key)
  const where = [layer === null ? '' : `layer ${layer}`, form ?? '', what].filter((part) => part !== '')
  return [`${style.yellow(`${step} ${code}`)}  ${printable(where.join('  '))}`, `  ${brief(printable(message))}`]
}

function brief(text: string): string {
  return text.length > MOST_MESSAGE_CHARS ? `${text.slice(0, MOST_MESSAGE_CHARS)}…` : text
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
