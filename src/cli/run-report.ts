import { randomUUID } from 'node:crypto'
import { cpus, hostname, totalmem } from 'node:os'
import { type ExitCode, MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import type { Log } from '../log.js'
import type { MigrateOptions } from '../migrate/options.js'
import type { Progress } from '../migrate/progress.js'
import type { MigrateSummary } from '../migrate/summary.js'
import { refuseInSource, removeReport } from '../report/report-place.js'
import { keepRun, type RunRecord, readRuns, startedRun } from '../report/run-history.js'
import { ThroughputSamples } from '../report/throughput-samples.js'
import type { VerifyReport } from '../verify/report.js'
import { failureOf } from './exit.js'
import type { ParsedMigrate } from './migrate-options.js'
import { shownModels } from './model-files.js'
import { packageVersion } from './package-version.js'
import { verifyJson } from './verify-text.js'

/** How many differences a report holds; `verify --json` has all. */
const MOST_DIFFERENCES = 100

/** What we know of a run when it starts. */
export interface ReportedRun {
  readonly runId: string
  readonly srcDir: string
  readonly destDir: string
  readonly isDryRun: boolean
  /** A second place for the report, even if the run never gets to write to its destination. */
  readonly reportDir: string | null
  readonly options: RunRecord['options']
}

/** The counts of a finished run. */
type RunEnd = Pick<
  MigrateSummary,
  'layers' | 'errorCount' | 'openErrorCount' | 'errorKinds' | 'noteKinds' | 'notes' | 'differences'
>

/**
 * Keeps the list of runs of a destination, and writes the report when a run ends. Writes to the destination only after
 * the run has locked it, but to `--report-dir` in any case.
 */
export class RunReport {
  readonly samples: ThroughputSamples
  private readonly run: RunRecord
  private ownsDest = false
  private pagePath: string | null = null

  constructor(
    private readonly reported: ReportedRun,
    progress: Progress,
    private readonly log: Log,
  ) {
    const { runId, srcDir, isDryRun, reportDir, options } = reported
    this.samples = new ThroughputSamples(progress)
    if (reportDir !== null) refuseInSource(reportDir, srcDir)
    this.run = startedRun({ runId, version: packageVersion(), isDryRun, options, host: thisHost() })
  }

  /** The page of the report once it is written. If there are two, the one in the destination. */
  get page(): string | null {
    return this.pagePath
  }

  /** The run has locked the destination: what an earlier report says about it is no longer true. */
  begin(): void {
    const { destDir } = this.reported
    try {
      removeReport(destDir)
      keepRun(destDir, this.run)
    } catch (cause) {
      throw new MigrationError('ERR_DEST', `Cannot write to "${destDir}": ${(cause as Error).message}`, {
        cause,
        hint: 'Check the disk of the destination, its free space and its permissions',
      })
    }
    this.ownsDest = true
    // A signal ends the process at once, so only synchronous work gets done here.
    process.once('exit', (code) => {
      if (this.run.endedMs === null) this.keep(code)
    })
  }

  async finished(summary: RunEnd, verify: VerifyReport | null, exitCode: ExitCode): Promise<void> {
    const run = this.run
    run.layers = summary.layers.map((layer) => ({ ...layer }))
    run.errorCount = summary.errorCount
    run.openErrorCount = summary.openErrorCount
    run.errorKinds = [...summary.errorKinds, ...summary.noteKinds].map(({ step, code, errors }) => ({
      step,
      code,
      errors,
    }))
    run.notes = [...summary.notes]
    run.differences = { ...summary.differences }
    run.verify = verify === null ? null : (verifyJson(verify, MOST_DIFFERENCES) as RunRecord['verify'])
    await this.end(exitCode)
  }

  /** Records what stopped the run. */
  async failed(error: unknown): Promise<void> {
    const { exitCode, message, hint = null } = failureOf(error)
    this.run.failure = { message, hint }
    await this.end(exitCode)
  }

  private async end(exitCode: ExitCode): Promise<void> {
    if (!this.keep(exitCode)) return
    try {
      await this.write()
    } catch (error) {
      this.warn(error)
    }
  }

  /** Records the end in the list of runs; false when the list cannot be written. */
  private keep(exitCode: number): boolean {
    Object.assign(this.run, { endedMs: Date.now(), exitCode, samples: this.samples.samples, waits: this.samples.waits })
    try {
      if (this.ownsDest) keepRun(this.reported.destDir, this.run)
      return true
    } catch (error) {
      this.warn(error)
      return false
    }
  }

  private async write(): Promise<void> {
    const { destDir, reportDir } = this.reported
    const [{ makeReport }, { writeReport }] = await Promise.all([
      import('../report/make-report.js'),
      import('../report/write-report.js'),
    ])
    const version = packageVersion()
    const report = makeReport(destDir, this.ownsDest ? { version } : { version, runs: [this.run] })
    const dirs = [
      ...(this.ownsDest ? [cortexPaths(destDir).migration.dir] : []),
      ...(reportDir === null ? [] : [reportDir]),
    ]
    for (const dir of dirs) {
      const page = writeReport(dir, report)
      this.pagePath ??= page
      this.log('INFO', `Wrote the report to ${page}`)
    }
  }

  /** A run does not fail because its report cannot be written. */
  private warn(error: unknown): void {
    this.log('WARNING', `Cannot write the report: ${(error as Error).message}`)
  }
}

/**
 * The record of a run of `migrate_020`. Options have their names on the command line, files of models and errors their
 * paths.
 */
export function migrateRun(parsed: ParsedMigrate, options: MigrateOptions, runId: string): ReportedRun {
  const { srcDir, destDir, dryRun: isDryRun } = options
  const shown: RunRecord['options'] = {
    src: options.srcDir,
    dest: options.destDir,
    'migr-ops': [...options.ops],
    nodelim: options.nodelim,
    'add-mode': options.addMode,
    'safety-off': options.safetyOff,
    'from-last': options.fromLast,
    'map-partial': options.mapPartial,
    'orphan-layers': options.orphanLayers,
    layer: [...options.onlyLayers],
    'skip-layer': [...options.skipLayers],
    restart: options.restart,
    'dry-run': options.dryRun,
    'accept-errors': parsed.acceptErrors ?? null,
    'max-errors': options.maxErrors,
    verify: parsed.verify ?? false,
    model: shownModels(parsed.model),
    workers: options.workers,
    memory: options.memoryBytes,
    nice: parsed.nice ?? null,
    'max-disk': parsed.maxDisk ?? null,
    'page-cache': parsed.pageCache ?? false,
    'src-dedicated': options.srcDedicated,
    'dest-dedicated': options.destDedicated,
    'edit-batchsize': options.addMode === 'nexus' ? options.editBatchSize : null,
  }
  return { runId, srcDir, destDir, isDryRun, reportDir: parsed.reportDir ?? null, options: shown }
}

/**
 * The record of a run of `errors --replay`: the last run's options and those of the replay. Null when the last run is
 * unknown.
 */
export function replayRun(
  { srcDir, destDir, workers, memoryBytes }: Pick<MigrateOptions, 'srcDir' | 'destDir' | 'workers' | 'memoryBytes'>,
  models: readonly string[],
): ReportedRun | null {
  const last = readRuns(destDir)?.findLast(({ isDryRun }) => !isDryRun)
  if (last === undefined) return null
  const asked = { replay: true, src: srcDir, model: shownModels(models), workers, memory: memoryBytes }
  const options = { ...last.options, ...asked }
  return { runId: randomUUID(), srcDir, destDir, isDryRun: false, reportDir: null, options }
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
