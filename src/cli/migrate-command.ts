import { existsSync, readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { dumpErrors } from '../dest/error-dump.js'
import { migrationLogPath } from '../dest/migration-log.js'
import { ExitCode, MigrationError } from '../errors.js'
import { countForms, formCountTable } from '../inspect/form-counts.js'
import { createLog, type Log, type LogLevel } from '../log.js'
import { Migrator } from '../migrate/migrator.js'
import type { AddMode, MigrateOptions } from '../migrate/options.js'
import { summaryText } from '../migrate/summary.js'
import type { ModelFile } from '../model/model-file.js'
import { MIGR_OPS, type MigrOp } from '../step/context.js'
import { refuseSourceInUse, verifyMigration } from '../verify/verifier.js'
import { AmbiguousOption, completePrefixes } from './arg-prefixes.js'
import { outliveReaders, reportFailure, stopOnSignals } from './exit.js'
import { effectiveLogLevel, logLevelOption } from './log-level.js'
import { ProgressScreen } from './progress-screen.js'
import { styleOf } from './style.js'
import { verifyText } from './verify-text.js'
import { atLeastOne, countOf, intOf } from './whole-number.js'
import { memoryOption, modelOption, workersOption } from './work-options.js'

/** Differences that `--verify` describes; all are counted. */
export const MOST_DIFFERENCES = 100
/** Node edits per entry of the nexus log. */
export const EDIT_BATCH_SIZE = 100
const ADD_MODES = ['nexus', 'nonexus', 'editor'] as const

/** The options as commander leaves them. */
export interface ParsedMigrate {
  src: string
  dest?: string
  migrOps?: MigrOp[]
  nodelim?: number
  addMode: AddMode
  editBatchsize: number
  fairIter: number
  safetyOff?: boolean
  fromLast?: boolean
  srcDedicated?: boolean
  destDedicated?: boolean
  mapPartial: boolean
  logLevel: LogLevel
  formCounts?: boolean
  dumpErrors?: boolean
  workers: number
  memory: number
  model: string[]
  orphanLayers?: boolean
  restart?: boolean
  verify?: boolean
  dryRun?: boolean
  maxErrors?: number
}

/** Runs `migrate_020` with the arguments behind its name; returns the exit code. */
export async function migrateCommand(args: readonly string[], name = 'migrate_020'): Promise<number> {
  const parsed = parseMigrate(migrateOptionsOf(name), args)
  if (typeof parsed === 'number') return parsed
  outliveReaders()
  const screen = new ProgressScreen(process.stderr.isTTY === true, (text) => log('INFO', text))
  let log: Log = () => {}
  try {
    log = createLog(effectiveLogLevel(parsed.logLevel), (line) => screen.write(line))
    if (parsed.dumpErrors) return dump(parsed, log)
    if (parsed.formCounts) return form(parsed)
    const options = await migrateOptions(parsed)
    if (parsed.verify === true) refuseSourceInUse(options.srcDir)
    stopOnSignals(screen, options.dryRun ? 'Nothing was written' : 'To go on, run the same command with --from-last')
    const summary = await new Migrator(options, log, screen).run()
    screen.stop()
    process.stdout.write(summaryText(summary))
    if (parsed.verify === true && !(await verify(options, log, screen))) return ExitCode.differs
    return summary.errorCount > 0 ? ExitCode.quarantined : ExitCode.ok
  } catch (error) {
    screen.stop()
    return reportFailure(error)
  }
}

/** Parses the options of a command that has those of `migrate_020`; returns the exit code when there is nothing to run. */
export function parseMigrate<Options extends ParsedMigrate>(
  command: Command,
  args: readonly string[],
): Options | ExitCode {
  try {
    return command.parse(completePrefixes(command, args), { from: 'user' }).opts<Options>()
  } catch (err) {
    if (err instanceof CommanderError) return err.exitCode === 0 ? ExitCode.ok : ExitCode.usage
    if (!(err instanceof AmbiguousOption)) throw err
    process.stderr.write(`error: ${err.message}\n`)
    return ExitCode.usage
  }
}

/** The command line of `migrate_020`. */
export function migrateOptionsOf(name: string): Command {
  return new Command(name)
    .description('Migrates a Synapse 0.1.x Cortex to 0.2.x / 2.x. The source is never written.')
    .exitOverride()
    .allowExcessArguments(false)
    .requiredOption('--src <dir>', 'directory of the 0.1.x Cortex, best a backup of it')
    .option('--dest <dir>', 'directory of the 0.2.x Cortex to make; it needs as much room as the source')
    .addOption(
      new Option('--migr-ops <op...>', `run only these steps, in their fixed order: ${MIGR_OPS.join(' ')}`).argParser(
        opOf,
      ),
    )
    .option('--nodelim <n>', 'stop each layer when its n-th node is reached: n-1 are migrated', intOf)
    .addOption(
      new Option(
        '--add-mode <mode>',
        'nexus also writes the node edits to the nexus log; nonexus and editor do the same here',
      )
        .argParser(modeOf)
        .default('nonexus'),
    )
    .option(
      '--edit-batchsize <n>',
      'node edits per entry of the nexus log (with --add-mode nexus)',
      atLeastOne,
      EDIT_BATCH_SIZE,
    )
    .option(
      '--fair-iter <n>',
      'accepted for compatibility; without effect, as work is done in threads',
      atLeastOne,
      100,
    )
    .option('--safety-off', 'do not check that form values norm to themselves and hash to their buid')
    .option('--from-last', 'go on with the last run where its checkpoints are')
    .option('--src-dedicated', 'read the source slabs into the page cache first, as far as memory allows')
    .option('--dest-dedicated', 'accepted for compatibility: noted in the hive; memory cannot be locked from here')
    .addOption(
      new Option('--map-partial', 'migrate nodes whose form row lies in another layer (the default)').default(true),
    )
    .option('--no-map-partial', 'leave out what a layer holds of nodes whose form row lies in another one')
    .addOption(logLevelOption())
    .option('--form-counts', 'migrate nothing: print counts by form of source and destination')
    .option('--dump-errors', 'migrate nothing: write the errors of the last migration to a file')
    .addOption(workersOption())
    .addOption(memoryOption())
    .addOption(modelOption('model of a custom module, JSON or YAML'))
    .option('--orphan-layers', 'also migrate layer directories that the hive does not know')
    .option('--restart', 'rebuild layers of a destination that another tool has made')
    .addOption(
      new Option('--dry-run', 'translate everything for real and print the same report, but write nothing').conflicts([
        'fromLast',
        'verify',
      ]),
    )
    .option('--max-errors <n>', 'stop when more than n values cannot be migrated, with exit code 11', countOf)
    .option('--verify', 'in the end compare every row with the source, as synapse-migrator verify does')
}

/** What the options ask for, checked; model files are read. */
export async function migrateOptions(parsed: ParsedMigrate): Promise<MigrateOptions> {
  if (parsed.dest === undefined) {
    throw new MigrationError('ERR_USAGE', 'Destination dirn must be specified for migration.', {
      hint: 'Give the directory to make with --dest',
    })
  }
  return {
    srcDir: parsed.src,
    destDir: parsed.dest,
    ops: new Set(parsed.migrOps ?? MIGR_OPS),
    nodelim: parsed.nodelim ?? null,
    addMode: parsed.addMode,
    editBatchSize: parsed.editBatchsize,
    safetyOff: parsed.safetyOff ?? false,
    fromLast: parsed.fromLast ?? false,
    srcDedicated: parsed.srcDedicated ?? false,
    destDedicated: parsed.destDedicated ?? false,
    mapPartial: parsed.mapPartial,
    orphanLayers: parsed.orphanLayers ?? false,
    restart: parsed.restart ?? false,
    dryRun: parsed.dryRun ?? false,
    maxErrors: parsed.maxErrors ?? null,
    workers: parsed.workers,
    memoryBytes: parsed.memory,
    modelFiles: await readModelFiles(parsed.model),
  }
}

/** Reads the files of `--model`. */
export async function readModelFiles(paths: readonly string[]): Promise<ModelFile[]> {
  if (paths.length === 0) return []
  // What checks them is a third of the time that it takes to load this program, and few need it.
  const { parseModelFile } = await import('../model/model-file.js')
  return paths.map((path) => {
    if (existsSync(path)) return parseModelFile(readFileSync(path, 'utf8'), path)
    throw new MigrationError('ERR_CONFIG', `Cannot read model file "${path}": it does not exist`)
  })
}

/** Compares the result with the source and prints what it found; says whether they are the same. */
async function verify(options: MigrateOptions, log: Log, screen: ProgressScreen): Promise<boolean> {
  log('INFO', 'Comparing the destination with the source')
  const report = await verifyMigration(
    { ...options, sample: null, checkpointPath: null },
    {
      progress: (layer, done, total) => screen.show(`verifying ${layer.slice(0, 8)}`, done, total, 'rows'),
      note: (text) => log('INFO', text),
    },
  )
  screen.stop()
  process.stdout.write(verifyText(report, MOST_DIFFERENCES, styleOf(process.stdout)))
  return report.differenceCount === 0
}

function dump(parsed: ParsedMigrate, log: Log): number {
  if (parsed.dest === undefined) {
    throw new MigrationError('ERR_USAGE', 'Destination dirn must be specified to dump errors.')
  }
  log('INFO', 'Starting dump of migration errors')
  const path = dumpErrors(parsed.dest, Date.now())
  if (path === null) log('ERROR', `Migration stor does not exist at ${migrationLogPath(parsed.dest)}`)
  process.stdout.write(`Dump file located at ${path ?? 'None'}\n`)
  return ExitCode.ok
}

function form(parsed: ParsedMigrate): number {
  for (const counts of countForms(parsed.src, parsed.dest ?? null)) {
    if (parsed.dest !== undefined && !counts.inDest)
      process.stderr.write(`Layer ${counts.iden} not present in destination\n`)
    process.stdout.write(`${formCountTable(counts)}\n`)
  }
  return ExitCode.ok
}

function opOf(text: string, before: MigrOp[] | undefined): MigrOp[] {
  const op = text.toLowerCase() as MigrOp
  if (!MIGR_OPS.includes(op)) throw new InvalidArgumentError(`choose from ${MIGR_OPS.join(', ')}`)
  return [...(before ?? []), op]
}

function modeOf(text: string): AddMode {
  const mode = text.toLowerCase() as AddMode
  if (!ADD_MODES.includes(mode)) throw new InvalidArgumentError(`choose from ${ADD_MODES.join(', ')}`)
  return mode
}
