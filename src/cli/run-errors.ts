import { type ErrorRecord, readErrorRecords } from '../dest/error-records.js'
import { migrationLogPath } from '../dest/migration-log.js'
import { ExitCode, MigrationError } from '../errors.js'
import { errorKindInfo } from '../layout/error-record.js'
import { createLog } from '../log.js'
import { DEFAULT_EDIT_BATCH_SIZE } from '../migrate/options.js'
import { acceptedLines, errorKindLines } from '../migrate/summary.js'
import type { ReplayReport } from '../replay/replay.js'
import { removeReport } from '../report/report-place.js'
import { workersWithin } from '../source/memory-plan.js'
import { areCounted, count, counted } from '../text/table.js'
import { errorJson, errorsText } from './errors-text.js'
import { stopOnSignals } from './exit.js'
import { readModelFiles } from './model-files.js'
import { paintFor } from './paint.js'
import { ProgressScreen } from './progress-screen.js'
import { RunReport, replayRun } from './run-report.js'
import { acceptedErrorsOf } from './work-options.js'

/** The options as commander leaves them. */
export interface ParsedErrors {
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

/** Lists what a migration could not carry over; returns the exit code. */
export async function listErrors(dest: string, options: ParsedErrors, mostShown: number): Promise<ExitCode> {
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
  const accepted = await acceptedErrorsOf(options.acceptErrors)
  let isOpen = false
  const wanted = filtered(records, options, (record) => {
    if (accepted === null) return true
    if (accepted.covers(record)) return false
    isOpen ||= errorKindInfo(record.code).isNote !== true
    return true
  })
  // Only at the end do we know whether an open error is left.
  if (options.json === true) printLines(wanted, options.limit ?? Number.POSITIVE_INFINITY, accepted !== null)
  else process.stdout.write(errorsText(wanted, options.limit ?? mostShown, paintFor(process.stdout)))
  return isOpen ? ExitCode.quarantined : ExitCode.ok
}

/** Tries again what could not be migrated; returns the exit code. */
export async function replayErrors(destDir: string, options: ParsedErrors): Promise<ExitCode> {
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
    acceptedErrors: await acceptedErrorsOf(options.acceptErrors),
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

/** What is left, counted as a run counts it. */
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
    lines.push(`  ${areCounted(leftCount, 'error')} left`, ...errorKindLines(left))
    lines.push(...acceptedLines(leftCount, openCount))
  }
  if (others.length > 0) {
    const sum = others.reduce((total, { errors }) => total + errors, 0)
    const head = `  not tried again: ${counted(sum, 'error')} of other steps`
    lines.push(head, ...errorKindLines(others))
  }
  if (left.length + others.length > 0) lines.push(`  see them with: synapse-migrator errors ${destDir}`)
  return `${lines.join('\n')}\n`
}

function* filtered(
  records: Iterable<ErrorRecord>,
  { step, layer, notes }: ParsedErrors,
  isOpen: (record: ErrorRecord) => boolean,
): Generator<ErrorRecord> {
  for (const record of records) {
    const isListed = notes === true || errorKindInfo(record.code).isNote !== true
    if (step === undefined ? !isListed : record.step !== step) continue
    if (layer !== undefined && record.layer?.startsWith(layer) !== true) continue
    if (isOpen(record)) yield record
  }
}

/** @param readsAll whether to read on after the last record that we print */
function printLines(records: Iterable<ErrorRecord>, limit: number, readsAll: boolean): void {
  let printed = 0
  for (const record of records) {
    const isPrinted = printed < limit && !process.stdout.destroyed
    if (!isPrinted && !readsAll) return
    if (isPrinted) process.stdout.write(`${JSON.stringify(errorJson(record))}\n`)
    printed++
  }
}
