import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { ExitCode } from '../errors.js'
import { runCommand } from './run-command.js'

const SCRIPT = fileURLToPath(new URL('../../../bin/setup-lmdb.mjs', import.meta.url))

/** Runs `synapse-migrator setup`: builds the LMDB binding for data format 1 where that is not the case yet. */
export function setupCommand(args: readonly string[], name: string): Promise<number> {
  const command = new Command(name).description(
    'Builds the LMDB binding for data format 1, the only one that Synapse can read, and checks it. It does nothing when ' +
      'that is done already, as it usually is since the installation.',
  )
  return runCommand(command, args, () => {
    const { status } = spawnSync(process.execPath, [SCRIPT], { stdio: ['ignore', 'inherit', 'inherit'] })
    return status === 0 ? ExitCode.ok : ExitCode.preflight
  })
}
