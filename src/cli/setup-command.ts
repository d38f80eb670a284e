import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ExitCode } from '../errors.js'
import { CliCommand } from './cli-command.js'

const SCRIPT = fileURLToPath(new URL('../../../bin/setup-lmdb.mjs', import.meta.url))

/** `synapse-migrator setup`: builds the LMDB binding for data format 1 where that is not the case yet. */
export function setupCommand(): CliCommand {
  return new CliCommand('setup')
    .summary('build the LMDB binding that Synapse files need')
    .description(
      'Builds the LMDB binding for data format 1, the only one that Synapse can read, and checks it. It does nothing when ' +
        'that is done already, as it usually is since the installation.',
    )
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.preflight], {
      0: 'the binding is there',
      4: 'it cannot be built',
    })
    .runs(() => {
      const { status } = spawnSync(process.execPath, [SCRIPT], { stdio: ['ignore', 'inherit', 'inherit'] })
      return status === 0 ? ExitCode.ok : ExitCode.preflight
    })
}
