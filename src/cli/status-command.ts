import { ExitCode, MigrationError } from '../errors.js'
import { atPath } from '../file/at-path.js'
import { cortexPaths } from '../layout/paths.js'
import { CliCommand } from './cli-command.js'
import { paintFor } from './paint.js'
import { printJson } from './print-json.js'

/** `synapse-migrator status DEST`. */
export function statusCommand(): CliCommand {
  return new CliCommand('status')
    .summary('say how far a migration has come, or how it ended')
    .description(
      'Says of the last run to a destination who holds it, how far it has come, and how it ended: from outside, from what ' +
        'the run keeps in <dest>/migration. It disturbs no run and opens no slab.',
    )
    .argument('<dest>', 'directory that the migration writes')
    .option('--json', 'print one JSON document')
    .examples('synapse-migrator status ./cortex-2x', 'synapse-migrator status ./cortex-2x --json')
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.preflight], {
      0: 'the status was shown, however the run ended',
      4: 'there is no directory of a migration, or it cannot be read',
    })
    .runs<{ json?: boolean }>(({ json }, [dest]) => status(dest, json === true))
}

async function status(destDir: string, isJson: boolean): Promise<ExitCode> {
  const { dir, status: file } = cortexPaths(destDir).migration
  const at = atPath(file)
  if (at.kind === 'unreachable') {
    throw new MigrationError('ERR_PREFLIGHT', `Cannot tell the status of "${destDir}": ${at.reason}`, { hint: at.hint })
  }
  if (atPath(dir).kind !== 'directory') {
    throw new MigrationError('ERR_PREFLIGHT', `Cannot tell the status of "${destDir}": there is no ${dir}`, {
      hint: 'Give the directory that --dest of the migration named; a dry run leaves nothing there',
    })
  }
  const [{ statusOf }, { statusText }] = await Promise.all([
    import('../status/outside-status.js'),
    import('./status-text.js'),
  ])
  const found = await statusOf(destDir, (text) => process.stderr.write(`${text}\n`))
  if (isJson) printJson(found)
  else process.stdout.write(statusText(destDir, found, Date.now(), paintFor(process.stdout)))
  return ExitCode.ok
}
