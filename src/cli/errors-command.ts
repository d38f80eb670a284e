import { Option } from 'commander'
import { MigrationError } from '../errors.js'
import { ERROR_KINDS } from '../layout/error-record.js'
import { CliCommand } from './cli-command.js'
import type { ParsedErrors } from './run-errors.js'
import { atLeastOne } from './whole-number.js'
import { acceptErrorsOption, memoryOption, modelOption, workersOption } from './work-options.js'

/** How many errors to show without `--limit`; the counts always cover all. */
const MOST_SHOWN = 100

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
    .runs<ParsedErrors>(async (options, [dest], { isOnCommandLine }) => {
      const { listErrors, replayErrors } = await import('./run-errors.js')
      if (options.replay === true) return await replayErrors(dest, options)
      // The environment and the file may set these for other commands.
      if (!isOnCommandLine('src') && !isOnCommandLine('model')) return await listErrors(dest, options, MOST_SHOWN)
      throw new MigrationError('ERR_USAGE', '--src and --model go with --replay only', { hint: 'Add --replay' })
    })
}
