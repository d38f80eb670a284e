import { existsSync, realpathSync } from 'node:fs'
import { cpus, hostname, totalmem } from 'node:os'
import { dirname, resolve } from 'node:path'
import { type ExitCode, MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import type { Log } from '../log.js'
import type { MigrateOptions } from '../migrate/options.js'
import type { Progress } from '../migrate/progress.js'
import type { MigrateSummary } from '../migrate/summary.js'
import type { RunRecord } from '../report/run-history.js'
import { ThroughputSamples } from '../report/throughput-samples.js'
import type { VerifyReport } from '../verify/report.js'
import { failureOf } from './exit.js'
import type { ParsedMigrate } from './migrate-options.js'
import { packageVersion } from './package-version.js'
import { verifyJson } from './verify-text.js'

/** Differences that a report holds; `verify --json` has all. */
const MOST_DIFFERENCES = 100

/**
 * Keeps the list of runs of a destination, and writes the report when one ends. It writes to a destination only after the
 * run has it to itself; to `--report-dir` in any case.
 */
export class RunReport {
  readonly samples: ThroughputSamples
  readonly #dir: string | null
  readonly #options: MigrateOptions
  readonly #log: Log
  #run: Promise<RunRecord>
  #ownsDest = false

  constructor(parsed: ParsedMigrate, options: MigrateOptions, progress: Progress, log: Log) {
    this.samples = new ThroughputSamples(progress)
    this.#dir = parsed.reportDir ?? null
    if (this.#dir !== null) refuseInside(this.#dir, options.srcDir)
    this.#options = options
    this.#log = log
    const startedMs = Date.now()
    this.#run = import('../report/run-history.js').then(({ startedRun }) => ({
      ...startedRun({
        version: packageVersion(),
        isDryRun: options.dryRun,
        options: shownOptions(parsed, options),
        host: thisHost(),
      }),
      startedMs,
    }))
  }

  /** The run has the destination to itself from now on: what an earlier report says of it no longer holds. */
  async begin(): Promise<void> {
    const { destDir } = this.#options
    const [{ keepRun }, { removeReport }, run] = await Promise.all([
      import('../report/run-history.js'),
      import('../report/write-report.js'),
      this.#run,
    ])
    removeReport(destDir)
    keepRun(destDir, run)
    this.#ownsDest = true
    // A signal ends the process at once: only what is done without waiting is done then.
    process.once('exit', (code) => {
      if (run.endedMs !== null) return
      keepRun(destDir, { ...run, endedMs: Date.now(), exitCode: code, samples: this.samples.samples })
    })
  }

  async finished(summary: MigrateSummary, verify: VerifyReport | null, exitCode: ExitCode): Promise<void> {
    const run = await this.#run
    run.layers = summary.layers.map((layer) => ({ ...layer }))
    run.errorCount = summary.errorCount
    run.openErrorCount = summary.openErrorCount
    run.errorKinds = [...summary.errorKinds, ...summary.noteKinds].map(({ step, code, errors }) => ({
      step,
      code,
      errors,
    }))
    run.notes = [...summary.notes]
    run.verify = verify === null ? null : (verifyJson(verify, MOST_DIFFERENCES) as RunRecord['verify'])
    await this.#end(exitCode)
  }

  /** Notes what stopped the run. */
  async failed(error: unknown): Promise<void> {
    const run = await this.#run
    const { exitCode, message, hint = null } = failureOf(error)
    run.failure = { message, hint }
    await this.#end(exitCode)
  }

  /** That a report cannot be written changes nothing about the run. */
  async #end(exitCode: ExitCode): Promise<void> {
    try {
      await this.#write(exitCode)
    } catch (error) {
      this.#log('WARNING', `Cannot write the report: ${(error as Error).message}`)
    }
  }

  async #write(exitCode: ExitCode): Promise<void> {
    const { destDir } = this.#options
    const [run, { keepRun }, { makeReport }, { writeReport }] = await Promise.all([
      this.#run,
      import('../report/run-history.js'),
      import('../report/make-report.js'),
      import('../report/write-report.js'),
    ])
    run.endedMs = Date.now()
    run.exitCode = exitCode
    run.samples = this.samples.samples
    const version = packageVersion()
    if (this.#ownsDest) {
      keepRun(destDir, run)
      const page = writeReport(cortexPaths(destDir).migration.dir, makeReport(destDir, { version }))
      this.#log('INFO', `Wrote the report to ${page}`)
    }
    if (this.#dir === null) return
    const report = makeReport(destDir, this.#ownsDest ? { version } : { version, runs: [run] })
    this.#log('INFO', `Wrote the report to ${writeReport(this.#dir, report)}`)
  }
}

/** The source is never written. */
function refuseInside(dir: string, srcDir: string): void {
  const real = (path: string) => (existsSync(path) ? realpathSync(path) : resolve(path))
  if (![dir, dirname(dir)].some((path) => `${real(path)}/`.startsWith(`${real(srcDir)}/`))) return
  throw new MigrationError('ERR_USAGE', `Cannot write the report to "${dir}": it is in the source "${srcDir}"`, {
    hint: 'Give a directory elsewhere with --report-dir',
  })
}

/** Options by their names on the command line; files of models and errors by their paths. */
function shownOptions(parsed: ParsedMigrate, options: MigrateOptions): RunRecord['options'] {
  return {
    src: options.srcDir,
    dest: options.destDir,
    'migr-ops': [...options.ops],
    nodelim: options.nodelim,
    'add-mode': options.addMode,
    'safety-off': options.safetyOff,
    'from-last': options.fromLast,
    'map-partial': options.mapPartial,
    'orphan-layers': options.orphanLayers,
    'skip-layer': [...options.skipLayers],
    restart: options.restart,
    'dry-run': options.dryRun,
    'accept-errors': parsed.acceptErrors ?? null,
    'max-errors': options.maxErrors,
    verify: parsed.verify ?? false,
    model: parsed.model,
    workers: options.workers,
    memory: options.memoryBytes,
  }
}

function thisHost(): RunRecord['host'] {
  return {
    name: hostname(),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    cores: cpus().length,
    memoryBytes: totalmem(),
  }
}
