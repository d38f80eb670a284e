import { Option } from 'commander'
import { readAcceptedErrors } from '../dest/accepted-errors.js'
import { type ErrorRecord, readErrorRecords } from '../dest/error-records.js'
import { migrationLogPath } from '../dest/migration-log.js'
import { ExitCode, MigrationError } from '../errors.js'
import { ERROR_KINDS, errorKindInfo } from '../layout/error-record.js'
import { createLog } from '../log.js'
import { DEFAULT_EDIT_BATCH_SIZE } from '../migrate/options.js'
import { acceptedLines, errorKindLines } from '../migrate/summary.js'
import type { ReplayReport } from '../replay/replay.js'
import { removeReport } from '../report/report-place.js'
import { workersWithin } from '../source/memory-plan.js'
import { count } from '../text/table.js'
import { CliCommand } from './cli-command.js'
import { errorJson, errorsText } from './errors-text.js'
import { stopOnSignals } from './exit.js'
import { readModelFiles } from './model-files.js'
import { paintFor } from './paint.js'
import { ProgressScreen } from './progress-screen.js'
import { RunReport, replayRun } from './run-report.js'
import { atLeastOne } from './whole-number.js'
import { acceptErrorsOption, memoryOption, modelOption, workersOption } from './work-options.js'

/** Errors that are shown one by one unless `--limit` says otherwise; the counts are always of all. */
const MOST_SHOWN = 100

interface Options {
  readonly json?: boolean
  readonly step?: string
  readonly layer?: string
  readonly limit?: number
  readonly notes?: boolean
  readonly acceptErrors?: string
  readonly replay?: boolean
  readonly src?: string
  readonly model: readonly string[]
  readonly workers: number
  readonly memory: number
}

/** `synapse-migrator errors DEST`. */
export function errorsCommand(): CliCommand {
  const codes = Object.entries(ERROR_KINDS).map(([code, { meaning }]) => `  ${code.padEnd(10)}${meaning}`)
  return new CliCommand('errors')
    .summary('list what could not be migrated, or try it again (--replay)')
    .description(
      'Lists what a migration could not carry over, from the migration log of its destination, and writes nothing. With ' +
        '--replay it tries that again, and only that, and adds it to the destination: best with the --model that was missing.',
    )
    .argument('<dest>', 'directory of the migrated Cortex')
    .option('--step <name>', 'only errors of this step: nodes, nodedata, splices, triggers …')
    .option('--layer <iden>', 'only errors of this layer; the first digits are enough')
    .option('--notes', 'also list what was recorded though nothing is missing')
    .option('--limit <n>', `list n errors at most (default: ${MOST_SHOWN}, with --json all)`, atLeastOne)
    .option('--json', 'print each error with all that was kept of it, as one line of JSON')
    .addOption(
      new Option('--replay', 'try again what could not be migrated, and add it').conflicts(['json', 'step', 'layer']),
    )
    .addOption(acceptErrorsOption())
    .option('--src <dir>', 'with --replay: the 0.1.x Cortex that was migrated')
    .addOption(modelOption('with --replay: model of a custom module, those of the migration first'))
    .addOption(workersOption('with --replay: '))
    .addOption(memoryOption('with --replay: '))
    .addHelpText('after', `\nCodes:\n${codes.join('\n')}`)
    .examples(
      'synapse-migrator errors ./cortex-2x',
      'synapse-migrator errors ./cortex-2x --json --step nodes',
      'synapse-migrator errors ./cortex-2x --replay --src ./cortex-01x --model ./module.json',
    )
    .exitCodes(undefined, {
      0: 'listed; with --replay: no errors are left, or only accepted ones',
      8: 'with --replay or --accept-errors: errors are left that are not accepted',
    })
    .runs<Options>((options, [dest], { isOnCommandLine }) => {
      if (options.replay === true) return replay(dest, options)
      // Environment and file may name them for other commands.
      if (!isOnCommandLine('src') && !isOnCommandLine('model')) return list(dest, options)
      throw new MigrationError('ERR_USAGE', '--src and --model go with --replay only', { hint: 'Add --replay' })
    })
}

function list(dest: string, options: Options): ExitCode {
  const records = readErrorRecords(dest)
  if (records === null) {
    throw new MigrationError(
      'ERR_PREFLIGHT',
      `Cannot list errors of "${dest}": there is no ${migrationLogPath(dest)}`,
      {
        hint: 'give the directory that --dest of the migration named',
      },
    )
  }
  const accepted = options.acceptErrors === undefined ? null : readAcceptedErrors(options.acceptErrors)
  let isOpen = false
  const wanted = filtered(records, options, (record) => {
    if (accepted === null) return true
    if (accepted.covers(record)) return false
    isOpen ||= errorKindInfo(record.code).isNote !== true
    return true
  })
  // Whether an open one is left is only known in the end.
  if (options.json === true) printLines(wanted, options.limit ?? Number.POSITIVE_INFINITY, accepted !== null)
  else process.stdout.write(errorsText(wanted, options.limit ?? MOST_SHOWN, paintFor(process.stdout)))
  return isOpen ? ExitCode.quarantined : ExitCode.ok
}

async function replay(destDir: string, options: Options): Promise<ExitCode> {
  if (options.src === undefined) {
    throw new MigrationError('ERR_USAGE', '--replay needs the Cortex that was migrated', { hint: 'give it with --src' })
  }
  const { Replay } = await import('../replay/replay.js')
  const screen = ProgressScreen.onStderr()
  const log = createLog({ level: 'WARNING', write: (line) => screen.write(line) })
  stopOnSignals(screen, 'Run the same command again to continue')
  const asked = {
    srcDir: options.src,
    destDir,
    workers: workersWithin(options.workers, options.memory),
    memoryBytes: options.memory,
    modelFiles: await readModelFiles(options.model, (text) => log('WARNING', text)),
    editBatchSize: DEFAULT_EDIT_BATCH_SIZE,
    acceptedErrors: options.acceptErrors === undefined ? null : readAcceptedErrors(options.acceptErrors),
  }
  const run = replayRun(asked, options.model)
  const report = run === null ? null : new RunReport(run, screen, log)
  const begin = () => (report === null ? removeReport(destDir) : report.begin())
  try {
    const replayed = await new Replay(asked, log, report?.samples ?? screen, begin).run()
    screen.stop()
    process.stdout.write(replayText(replayed))
    const exitCode = replayed.openCount === 0 ? ExitCode.ok : ExitCode.quarantined
    await report?.finished(replayEnd(replayed), null, exitCode)
    return exitCode
  } catch (error) {
    screen.stop()
    await report?.failed(error)
    throw error
  } finally {
    screen.stop()
  }
}

/** What is left, as a run counts it. */
function replayEnd({ layers, left, others, openCount }: ReplayReport) {
  const errorKinds = [...left, ...others]
  const errorCount = errorKinds.reduce((sum, { errors }) => sum + errors, 0)
  const otherCount = others.reduce((sum, { errors, accepted }) => sum + errors - accepted, 0)
  return {
    layers,
    errorCount,
    openErrorCount: openCount + otherCount,
    errorKinds,
    noteKinds: [],
    notes: [],
    differences: {},
  }
}

function replayText({ destDir, steps, left, leftCount, openCount, others, elapsedMs }: ReplayReport): string {
  const lines = [`Replayed the errors of ${destDir} in ${(elapsedMs / 1000).toFixed(1)} s`]
  for (const { step, before, after } of steps) {
    if (before > 0) lines.push(`  ${step}: ${count(before - after)} of ${count(before)} errors are cured`)
  }
  if (leftCount === 0) lines.push(`  no errors${others.length === 0 ? '' : ' of these steps'} are left`)
  else {
    lines.push(`  ${count(leftCount)} ${leftCount === 1 ? 'error is' : 'errors are'} left`, ...errorKindLines(left))
    lines.push(...acceptedLines(leftCount, openCount))
  }
  if (others.length > 0) {
    const sum = others.reduce((total, { errors }) => total + errors, 0)
    const head = `  not tried again: ${count(sum)} ${sum === 1 ? 'error' : 'errors'} of other steps`
    lines.push(head, ...errorKindLines(others))
  }
  if (left.length + others.length > 0) lines.push(`  see them with: synapse-migrator errors ${destDir}`)
  return `${lines.join('\n')}\n`
}

function* filtered(
  records: Iterable<ErrorRecord>,
  { step, layer, notes }: Options,
  isOpen: (record: ErrorRecord) => boolean,
): Generator<ErrorRecord> {
  for (const record of records) {
    const isListed = notes === true || errorKindInfo(record.code).isNote !== true
    if (step === undefined ? !isListed : record.step !== step) continue
    if (layer !== undefined && record.layer?.startsWith(layer) !== true) continue
    if (isOpen(record)) yield record
  }
}

/** @param readsAll whether records are read that are not printed any more */
function printLines(records: Iterable<ErrorRecord>, limit: number, readsAll: boolean): void {
  let printed = 0
  for (const record of records) {
    const isPrinted = printed < limit && !process.stdout.destroyed
    if (!isPrinted && !readsAll) return
    if (isPrinted) process.stdout.write(`${JSON.stringify(errorJson(record))}\n`)
    printed++
  }
}
