import { randomUUID } from 'node:crypto'
import { formatBytes } from '../bytes/size-text.js'
import { dumpErrors } from '../dest/error-dump.js'
import { migrationLogPath } from '../dest/migration-log.js'
import { ExitCode, MigrationError } from '../errors.js'
import { isCodeLacking, keepCode } from '../file/compiled-code.js'
import { usePageCache } from '../file/page-file.js'
import { setWriteThrottle, type WriteThrottle } from '../file/write-throttle.js'
import { countForms, formCountTable } from '../inspect/form-counts.js'
import type { Log } from '../log.js'
import { Migrator } from '../migrate/migrator.js'
import type { MigrateOptions } from '../migrate/options.js'
import type { PlannedRun } from '../migrate/parts/stages.js'
import { type MigrateSummary, summaryText } from '../migrate/summary.js'
import { refuseMissingLayers } from '../preflight/refusal.js'
import { readSource } from '../source/cortex-dir.js'
import { count } from '../text/table.js'
import { withSource } from '../upgrade/with-source.js'
import type { VerifyReport } from '../verify/report.js'
import { refuseSourceInUse, verifyMigration } from '../verify/verifier.js'
import { beNice } from './be-nice.js'
import { failureOf, reportFailure, stopOnSignals } from './exit.js'
import { JsonLines } from './json-lines.js'
import { migrateOptions, type ParsedMigrate } from './migrate-options.js'
import { readModelFiles } from './model-files.js'
import { packageVersion } from './package-version.js'
import { paintFor } from './paint.js'
import { ProgressScreen } from './progress-screen.js'
import { runHook } from './run-hook.js'
import { RunLog } from './run-log.js'
import { migrateRun, RunReport } from './run-report.js'
import { RunWatch, teed } from './run-watch.js'
import { metricsSink, statusSink } from './status-sinks.js'
import { MOST_DIFFERENCES, verifyText } from './verify-text.js'

const BYTES_PER_MB = 1e6

/** Adds what a plan has fixed to the options of this host. */
type Planned = (host: MigrateOptions) => PlannedRun

/**
 * Runs `migrate_020` with these options; returns the exit code.
 *
 * @param planned adds what a plan for parts has fixed: then this run is their last step
 */
export async function runMigrate(
  parsed: ParsedMigrate,
  origins: readonly string[],
  planned: Planned | null = null,
): Promise<ExitCode> {
  const runLog = new RunLog(parsed, (line) => screen.write(line))
  const { log } = runLog
  const screen = new ProgressScreen({
    isTerminal: process.stderr.isTTY === true && !runLog.isQuiet,
    line: runLog.progress,
    note: (text) => runLog.note('INFO', text),
    withVerify: parsed.verify === true,
  })
  for (const line of origins) log('DEBUG', line, 'options')
  if (parsed.dumpErrors) return dump(parsed, log)
  if (parsed.formCounts) return await form(parsed, log)
  const runId = randomUUID()
  const lines = parsed.json === true ? new JsonLines(runId, (line) => process.stdout.write(line)) : null
  const { src: source, dest = null, dryRun: isDryRun = false } = parsed
  const watch = new RunWatch({ runId, source, dest, isDryRun }, lines)
  const run: Run = { runId, screen, watch, runLog, planned, reportPage: null }
  const exitCode = await runToItsEnd(parsed, run)
  const complaint = await runHook(parsed, { runId, exitCode, report: run.reportPage })
  if (complaint !== null) log('WARNING', complaint)
  return exitCode
}

/** A run, and everyone who reports on it. */
interface Run {
  readonly runId: string
  readonly screen: ProgressScreen
  readonly watch: RunWatch
  readonly runLog: RunLog
  readonly planned: Planned | null
  reportPage: string | null
}

/** Reports the end of the run everywhere. */
async function runToItsEnd(parsed: ParsedMigrate, run: Run): Promise<ExitCode> {
  const { watch, screen } = run
  const again = run.planned === null ? 'run the same command with --from-last' : 'run the same command again'
  const hint = parsed.dryRun ? 'Nothing was written' : `To continue, ${again}`
  const release = stopOnSignals(screen, hint)
  try {
    const exitCode = await migrate(parsed, run)
    watch.end(exitCode)
    return exitCode
  } catch (error) {
    watch.failed(error)
    watch.end(failureOf(error).exitCode)
    return reportFailure(error)
  } finally {
    release()
  }
}

async function migrate(parsed: ParsedMigrate, run: Run): Promise<ExitCode> {
  const { runId, screen, watch, runLog } = run
  const log: Log = (level, text, where) => {
    runLog.log(level, text, where)
    watch.logged(level, text)
  }
  if (parsed.metricsFile !== undefined) watch.tell(metricsSink(parsed.metricsFile, parsed.src, log))
  if (parsed.nice !== undefined) beNice(parsed.nice)
  if (parsed.pageCache === true) usePageCache()
  const throttle = parsed.maxDisk === undefined ? null : setWriteThrottle(parsed.maxDisk * BYTES_PER_MB)
  const warn = (text: string) => log('WARNING', text)
  const { planned } = run
  const { options, stage } =
    planned === null
      ? { options: await migrateOptions(parsed, warn), stage: null }
      : planned(await migrateOptions({ ...parsed, model: [] }, warn))
  if (options.workers < parsed.workers) {
    const memory = formatBytes(options.memoryBytes)
    log(
      'WARNING',
      `Starting ${options.workers} of ${parsed.workers} workers, as many as ${memory} of memory have room for`,
    )
  }
  if (parsed.verify === true) refuseSourceInUse(options.srcDir)
  // Standard output is either for people or for programs.
  const print = (text: string) => parsed.json !== true && process.stdout.write(text)
  const report = new RunReport(migrateRun(parsed, options, runId), teed(screen, watch), log)
  const begin = () => {
    report.begin()
    runLog.begin(options.destDir)
    watch.tell(statusSink(options.destDir, log))
    watch.phase('migrate')
  }
  noteRun(runLog)
  try {
    const summary = await new Migrator(options, log, report.samples, begin, stage).run()
    screen.stop()
    if (throttle !== null) log('INFO', throttleText(throttle, parsed.maxDisk))
    const text = summaryText(summary)
    for (const line of text.trimEnd().split('\n')) runLog.note('INFO', line)
    print(text)
    watch.migrated(summary)
    const compared = parsed.verify === true ? await verify(options, log, screen, watch) : null
    if (compared !== null) print(verifyText(compared, MOST_DIFFERENCES, paintFor(process.stdout)))
    const exitCode = exitCodeOf(summary, compared)
    await report.finished(summary, compared, exitCode)
    if (isCodeLacking()) keepCode()
    return exitCode
  } catch (error) {
    screen.stop()
    const { message, hint } = failureOf(error)
    runLog.note('ERROR', hint === undefined ? message : `${message} (hint: ${hint})`)
    await report.failed(error)
    throw error
  } finally {
    run.reportPage = report.page
    screen.stop()
  }
}

function throttleText({ totals }: WriteThrottle, rate: number | undefined): string {
  const { bytes, waitedMs } = totals
  const waited = (waitedMs / 1000).toFixed(1)
  return `--max-disk ${rate} has let ${count(bytes)} bytes through; threads have waited for it, ${waited} s together`
}

/**
 * Logs facts that nobody needs on a terminal, but that are the first thing to ask for when something is wrong. The log
 * already has the options, without secrets.
 */
function noteRun(runLog: RunLog): void {
  runLog.note('INFO', `Version ${packageVersion()}, Node ${process.version}, process ${process.pid}`)
  process.once('exit', (code) => runLog.note('INFO', `Ended with exit code ${code}`))
}

function exitCodeOf(summary: MigrateSummary, compared: VerifyReport | null): ExitCode {
  if (compared !== null && compared.differenceCount > 0) return ExitCode.differs
  return summary.openErrorCount > 0 ? ExitCode.quarantined : ExitCode.ok
}

/** Compares the result with the source. */
async function verify(
  options: MigrateOptions,
  log: Log,
  screen: ProgressScreen,
  watch: RunWatch,
): Promise<VerifyReport> {
  log('INFO', 'Comparing the destination with the source')
  watch.phase('verify')
  const { show } = teed(screen, watch)
  const report = await verifyMigration(
    { ...options, sample: null, checkpointPath: null },
    {
      progress: (layer, done, total) => show({ phase: 'verify', layer, done, total, unit: 'rows' }),
      note: (text) => log('INFO', text),
    },
  )
  screen.stop()
  watch.verified(report)
  return report
}

function dump(parsed: ParsedMigrate, log: Log): ExitCode {
  if (parsed.dest === undefined) {
    throw new MigrationError('ERR_USAGE', 'Destination dirn must be specified to dump errors.')
  }
  log('INFO', 'Starting dump of migration errors')
  const path = dumpErrors(parsed.dest, Date.now())
  if (path === null) log('ERROR', `Migration stor does not exist at ${migrationLogPath(parsed.dest)}`)
  process.stdout.write(`Dump file located at ${path ?? 'None'}\n`)
  return ExitCode.ok
}

async function form(parsed: ParsedMigrate, log: Log): Promise<ExitCode> {
  const { src: srcDir, dest: destDir = null } = parsed
  const tell = (text: string) => log('WARNING', text)
  const modelFiles = await readModelFiles(parsed.model, tell)
  const look = { srcDir, destDir, modelFiles, depth: 'whole', tell } as const
  const counted = await withSource(look, (dir) => {
    refuseMissingLayers(readSource(dir, parsed.dest, srcDir), (iden) => parsed.skipLayer.includes(iden))
    return countForms(dir, destDir)
  })
  for (const counts of counted) {
    if (parsed.dest !== undefined && !counts.inDest)
      process.stderr.write(`Layer ${counts.iden} not present in destination\n`)
    process.stdout.write(`${formCountTable(counts)}\n`)
  }
  return ExitCode.ok
}
