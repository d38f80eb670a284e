import { benchDiskCommand } from './bench-disk-command.js'
import { checkpointCommand } from './checkpoint-command.js'
import { CliCommand } from './cli-command.js'
import { completionCommand } from './completion-command.js'
import { errorsCommand } from './errors-command.js'
import { inspectCommand } from './inspect-command.js'
import { migrateCommand } from './migrate-command.js'
import { modelCommand } from './model-command.js'
import { partCommand } from './part-command.js'
import { preflightCommand } from './preflight-command.js'
import { reportCommand } from './report-command.js'
import { setupCommand } from './setup-command.js'
import { statusCommand } from './status-command.js'
import { syncCommand } from './sync-command.js'
import { verifyCommand } from './verify-command.js'

/** `synapse-migrator` with its sub-commands, in the order of the help. */
export function synapseMigrator(): CliCommand {
  const program = new CliCommand('synapse-migrator')
    .description('Migrates a Synapse 0.1.x Cortex to 0.2.x / 2.x, and checks the source and the result.')
    .usage('<command> [options]')
    .helpCommand('help [command]', 'show this, or the help of a command')
    .examples(
      'synapse-migrator inspect ./cortex-01x',
      'synapse-migrator preflight --src ./cortex-01x --dest ./cortex-2x',
      'synapse-migrator migrate --src ./cortex-01x --dest ./cortex-2x --verify',
      'synapse-migrator status ./cortex-2x',
      'synapse-migrator errors ./cortex-2x',
      'synapse-migrator verify --src ./cortex-01x --dest ./cortex-2x',
    )
    .addHelpText('after', '\nData goes to standard output, everything else to standard error.')
  const commands = [
    migrateCommand('migrate').summary('migrate a 0.1.x Cortex; the same as migrate_020'),
    syncCommand('sync').summary('keep the migrated Cortex in sync until cut-over; the same as sync_020'),
    preflightCommand(),
    inspectCommand(),
    statusCommand(),
    errorsCommand(),
    modelCommand(),
    verifyCommand(),
    reportCommand(),
    benchDiskCommand(),
    partCommand(),
    checkpointCommand(),
    setupCommand(),
    completionCommand(programs),
  ]
  for (const command of commands) program.addCommand(command)
  return program.exitCodes()
}

/** All programs of the package. */
export function programs(): CliCommand[] {
  return [synapseMigrator(), migrateCommand('migrate_020'), syncCommand('sync_020')]
}
