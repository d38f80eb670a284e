import { InvalidArgumentError, Option } from 'commander'
import { parseBytes } from '../bytes/size-text.js'
import { CliCommand } from './cli-command.js'
import { onlyFromCommandLine } from './command-settings.js'
import { logOptions, loudnessOptions } from './log-options.js'
import type { ParsedFinish, ParsedPart, ParsedPlan, ParsedShare, ParsedStep } from './part-options.js'
import { acceptErrorsOption, idenOf, layerOption, memoryOption, modelOption, workersOption } from './work-options.js'

const DEFAULT_PART_BYTES = 4 * 2 ** 30
const LEAST_PART_BYTES = 16 * 2 ** 10

/** `synapse-migrator part`. */
export function partCommand(): CliCommand {
  return new CliCommand('part')
    .summary('migrate in parts on several machines, driven by Snakemake, Slurm, Kubernetes …')
    .description(
      'The steps of a migration, each a command of its own that another program starts, on one machine or on many that share ' +
        'the destination; see docs/fleet.md. Each may run again: what is made already is not made twice.',
    )
    .usage('plan|cell|extract|merge|splices|finish [options]')
    .helpCommand(false)
    .addCommand(planCommand())
    .addCommand(cellCommand())
    .addCommand(stepCommand('extract', 'translate a part of the nodes of a layer'))
    .addCommand(stepCommand('merge', 'make a part of the indexes of a layer, once all its extract parts are there'))
    .addCommand(stepCommand('splices', 'translate a part of the history of a layer'))
    .addCommand(finishCommand())
}

function planCommand(): CliCommand {
  const plan = command('plan', 'choose the layers and cut them into parts')
    .description(
      'Makes the checks of a migration, and cuts each layer into parts. All options that rows depend on are given here: the ' +
        'other commands read them from <dest>/migration/parts/plan. Run again, it prints the same plan.',
    )
    .addOption(
      new Option('--part-bytes <bytes>', 'source bytes of a part, like 4G or 512M')
        .argParser(partBytesOf)
        .default(DEFAULT_PART_BYTES, '4G'),
    )
    .addOption(layerOption('plan only this layer'))
    .addOption(
      new Option('--skip-layer <iden>', 'leave this layer empty, also when it cannot be found; may be repeated')
        .argParser(idenOf)
        .default([], 'none'),
    )
    .addOption(modelOption('model of a custom module, JSON or YAML'))
    .option('--orphan-layers', 'also plan layer directories that the hive does not know')
    .addOption(new Option('--map-partial', 'migrate nodes whose form row lies in another layer').default(true))
    .option('--no-map-partial', 'leave out what a layer holds of nodes whose form row lies in another one')
    .option('--safety-off', 'do not check that form values norm to themselves and hash to their buid')
    .option('--restart', 'replace an earlier plan and its parts, and what the destination has')
  return ending(plan).runs<ParsedPlan>(async (parsed) => (await import('./run-part.js')).runPlan(parsed))
}

function cellCommand(): CliCommand {
  const cell = command('cell', 'do all that comes before the layers').description(
    'Copies files, hive, users, queues, triggers and cron jobs. Takes the lock of the destination.',
  )
  return ending(cell).runs<ParsedPart>(async (parsed) => (await import('./run-part.js')).runCell(parsed))
}

function stepCommand(step: 'extract' | 'merge' | 'splices', summary: string): CliCommand {
  const part = command(step, summary)
    .description(
      'Makes one part, below <dest>/migration/parts. Takes no lock: any number may run at once. A part is there whole or not ' +
        'at all, and a part that is there is not made again.',
    )
    .addOption(oneLayerOption('the layer').makeOptionMandatory())
    .addOption(
      onlyFromCommandLine(new Option('--part <i/n>', 'which part, and of how many, like 2/4'))
        .argParser(shareOf)
        .makeOptionMandatory(),
    )
  return ending(part).runs<ParsedStep>(async (parsed) => (await import('./run-part.js')).runStep(step, parsed))
}

function finishCommand(): CliCommand {
  const finish = command('finish', 'complete a layer from its parts, and in the end the Cortex')
    .description(
      'With --layer, places the pages of all parts of that layer. Without, does what comes after the layers, and writes the ' +
        'report; it ends as migrate_020 does. Takes the lock of the destination.',
    )
    .addOption(oneLayerOption('only this layer'))
    .addOption(new Option('--verify', 'in the end compare every row with the source').conflicts('layer'))
    .addOption(acceptErrorsOption().conflicts('layer'))
  return ending(finish).runs<ParsedFinish>(async (parsed) => (await import('./run-part.js')).runFinish(parsed))
}

function oneLayerOption(description: string): Option {
  return onlyFromCommandLine(new Option('--layer <iden>', description)).argParser((iden) => iden.toLowerCase())
}

/** A command of the group, with the options that all have. */
function command(name: string, summary: string): CliCommand {
  return new CliCommand(name)
    .summary(summary)
    .requiredOption('--src <dir>', 'directory of the 0.1.x Cortex, the same on all machines')
    .requiredOption('--dest <dir>', 'directory of the Cortex to make, which all machines share')
}

function ending(command: CliCommand): CliCommand {
  return command
    .addOption(workersOption())
    .addOption(memoryOption())
    .option('--json', 'print one JSON document')
    .addOptions(loudnessOptions())
    .addOptions(logOptions('WARNING'))
    .exitCodes(undefined, {
      4: 'refused: something is wrong, or must be done first: the message says what',
      9: 'the source, an option or the number of parts is not the one of the plan',
      130: 'interrupted: run it again',
      143: 'interrupted: run it again',
    })
}

function partBytesOf(text: string): number {
  const bytes = parseBytes(text)
  if (bytes === null || bytes < LEAST_PART_BYTES) throw new InvalidArgumentError('give 16K or more, like 512M or 4G')
  return bytes
}

function shareOf(text: string): ParsedShare {
  const found = /^([1-9]\d*)\/([1-9]\d*)$/.exec(text.trim())
  const [part, parts] = found === null ? [1, 0] : [Number(found[1]), Number(found[2])]
  if (part > parts) throw new InvalidArgumentError('give the number of the part and how many there are, like 2/4')
  return { part, parts }
}
