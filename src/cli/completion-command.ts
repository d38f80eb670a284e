import { Argument } from 'commander'
import { ExitCode } from '../errors.js'
import { CliCommand } from './cli-command.js'
import { commandFacts } from './command-tree.js'
import { completionScript, SHELLS, type Shell } from './completion-scripts.js'

/**
 * `synapse-migrator completion SHELL`.
 *
 * @param programs all programs of the package
 */
export function completionCommand(programs: () => readonly CliCommand[]): CliCommand {
  return new CliCommand('completion')
    .summary('print a script that completes commands and options in a shell')
    .description(
      'Prints a script with which a shell completes the commands and options of synapse-migrator, migrate_020 and ' +
        'sync_020, without starting them.',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .examples(
      'source <(synapse-migrator completion bash)',
      'synapse-migrator completion zsh >"$HOME/.zfunc/_synapse-migrator"  # a directory of $fpath',
      'synapse-migrator completion fish >~/.config/fish/conf.d/synapse-migrator.fish',
    )
    .exitCodes([ExitCode.ok, ExitCode.usage], { 0: 'printed' })
    .runs((_, [shell]) => {
      const facts = programs().flatMap((program) => commandFacts(program))
      process.stdout.write(completionScript(shell as Shell, facts))
      return ExitCode.ok
    }, null)
}
