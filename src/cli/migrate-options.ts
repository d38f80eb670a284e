import { InvalidArgumentError, Option } from 'commander'
import { MigrationError } from '../errors.js'
import { ADD_MODES, type AddMode, DEFAULT_EDIT_BATCH_SIZE, type MigrateOptions } from '../migrate/options.js'
import { workersWithin } from '../source/memory-plan.js'
import { MIGR_OPS, type MigrOp } from '../step/context.js'
import { type CliCommand, NO_EFFECT_GROUP } from './cli-command.js'
import { logOptions, loudnessOptions } from './log-options.js'
import { readModelFiles } from './model-files.js'
import type { ParsedRunLog } from './run-log.js'
import { atLeastOne, countOf, intOf } from './whole-number.js'
import {
  acceptErrorsOption,
  acceptedErrorsOf,
  idenOf,
  layerOption,
  memoryOption,
  modelOption,
  workersOption,
} from './work-options.js'

/** The options as commander leaves them. */
export interface ParsedMigrate extends ParsedRunLog {
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
  formCounts?: boolean
  dumpErrors?: boolean
  workers: number
  memory: number
  model: string[]
  orphanLayers?: boolean
  layer: string[]
  skipLayer: string[]
  restart?: boolean
  verify?: boolean
  dryRun?: boolean
  acceptErrors?: string
  maxErrors?: number
  reportDir?: string
  json?: boolean
  metricsFile?: string
  onSuccess?: string
  onFailure?: string
  nice?: number
  maxDisk?: number
  pageCache?: boolean
}

/** Gives a command the options of `migrate_020`. */
export function addMigrateOptions(command: CliCommand): CliCommand {
  command.description('Migrates a Synapse 0.1.x Cortex to 0.2.x / 2.x. The source is never written.')
  addContentOptions(command.optionsGroup('What to migrate:'))
  addWorkOptions(command.optionsGroup('How to run:'))
  addErrorOptions(command.optionsGroup('Errors and reports:'))
  return command.optionsGroup('Log:').addOptions(loudnessOptions()).addOptions(logOptions('WARNING'))
}

function addContentOptions(command: CliCommand): CliCommand {
  return command
    .requiredOption('--src <dir>', 'directory of the 0.1.x Cortex, best a backup of it')
    .option('--dest <dir>', 'directory of the 0.2.x Cortex to make; it needs as much room as the source')
    .addOption(modelOption('model of a custom module, JSON or YAML'))
    .addOption(
      new Option('--migr-ops <op...>', `run only these steps, in their fixed order: ${MIGR_OPS.join(' ')}`).argParser(
        opOf,
      ),
    )
    .option('--orphan-layers', 'also migrate layer directories that the hive does not know')
    .addOption(layerOption('migrate only the nodes and the history of this layer'))
    .addOption(
      new Option('--skip-layer <iden>', 'leave this layer empty, also when it cannot be found; may be repeated')
        .argParser(idenOf)
        .default([], 'none'),
    )
    .addOption(new Option('--map-partial', 'migrate nodes whose form row lies in another layer').default(true))
    .option('--no-map-partial', 'leave out what a layer holds of nodes whose form row lies in another one')
    .option('--nodelim <n>', 'stop each layer when its n-th node is reached: n-1 are migrated', intOf)
    .option('--safety-off', 'do not check that form values norm to themselves and hash to their buid')
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
      DEFAULT_EDIT_BATCH_SIZE,
    )
}

function addWorkOptions(command: CliCommand): CliCommand {
  return command
    .addOption(workersOption())
    .addOption(memoryOption())
    .option('--src-dedicated', 'read the source slabs into the page cache first, as far as memory allows')
    .option('--from-last', 'continue the last run from its checkpoints')
    .addOption(
      new Option('--restart', 'replace what an earlier run, or another tool, has made of the destination').conflicts(
        'fromLast',
      ),
    )
    .addOption(
      new Option('--dry-run', 'translate everything for real and print the same report, but write nothing').conflicts([
        'fromLast',
        'verify',
      ]),
    )
    .option('--verify', 'in the end compare every row with the source, as synapse-migrator verify does')
}

function addErrorOptions(command: CliCommand): CliCommand {
  return command
    .addOption(acceptErrorsOption())
    .option('--max-errors <n>', 'stop when more than n values cannot be migrated, with exit code 11', countOf)
    .option('--report-dir <dir>', 'also write report.html and report.json there, of a dry or refused run too')
    .option('--form-counts', 'migrate nothing: print counts by form of source and destination')
    .option('--dump-errors', 'migrate nothing: write the errors of the last migration to a file')
}

/** Options to watch and limit a run; `preflight` does not have them. */
export function addRunOptions(command: CliCommand): CliCommand {
  const whole = ['formCounts', 'dumpErrors']
  return command
    .optionsGroup('Effect on other programs of this machine:')
    .option('--nice <n>', 'nice value of the run, 0 to 19, with all of its threads', niceOf)
    .option('--max-disk <MB/s>', 'write no more than so many MB per second to slabs and sorted runs', rateOf)
    .option('--page-cache', "write new slabs through the system's page cache, on any file system")
    .optionsGroup('Who is told:')
    .addOption(
      new Option(
        '--json',
        'report the progress of the run on standard output, a line of JSON for each event',
      ).conflicts(whole),
    )
    .addOption(
      new Option(
        '--metrics-file <path>',
        "keep the state of the run in this file, for the textfile collector of Prometheus' node exporter",
      ).conflicts(whole),
    )
    .addOption(
      new Option('--on-success <command>', 'run this shell command when the run ended with 0').conflicts(whole),
    )
    .addOption(
      new Option('--on-failure <command>', 'run this shell command when the run ended with anything else').conflicts(
        whole,
      ),
    )
}

/** Options of the reference without effect here; they come last. */
export function addOptionsWithoutEffect(command: CliCommand): CliCommand {
  return command
    .optionsGroup(NO_EFFECT_GROUP)
    .option('--fair-iter <n>', 'work is done in threads', atLeastOne, 100)
    .option('--dest-dedicated', 'memory cannot be locked from here; it is noted in the hive')
}

/**
 * Checks the options and reads the model files.
 *
 * @param warn receives what the operator should know about these
 */
export async function migrateOptions(parsed: ParsedMigrate, warn: (text: string) => void): Promise<MigrateOptions> {
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
    onlyLayers: parsed.layer,
    skipLayers: parsed.skipLayer,
    restart: parsed.restart ?? false,
    dryRun: parsed.dryRun ?? false,
    acceptedErrors: await acceptedErrorsOf(parsed.acceptErrors),
    maxErrors: parsed.maxErrors ?? null,
    workers: workersWithin(parsed.workers, parsed.memory),
    memoryBytes: parsed.memory,
    modelFiles: await readModelFiles(parsed.model, warn),
  }
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

function niceOf(text: string): number {
  const value = countOf(text)
  if (value > 19) throw new InvalidArgumentError('it must be 19 or less')
  return value
}

function rateOf(text: string): number {
  const value = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text.trim()) || value <= 0) throw new InvalidArgumentError('it must be a number above 0')
  return value
}
