import { ExitCode } from '../errors.js'
import { CliCommand } from './cli-command.js'

/** `synapse-migrator setup`: compiles the LMDB binding if the package has none for this machine. */
export function setupCommand(): CliCommand {
  return new CliCommand('setup')
    .summary('check the LMDB binding, and compile it if needed')
    .description(
      'Checks the LMDB binding, and compiles one on this machine where none can be loaded that reads data format 1, the ' +
        'only one that Synapse has. The package brings bindings for Linux and macOS, so this is rarely needed. It takes a ' +
        'C++ compiler and nothing else.',
    )
    .option('-q, --quiet', 'say nothing when there is nothing to do')
    .exitCodes([ExitCode.ok, ExitCode.usage, ExitCode.preflight], {
      0: 'the binding is there',
      4: 'it cannot be compiled',
    })
    .runs(setUp)
}

async function setUp({ quiet }: { quiet?: boolean }): Promise<ExitCode> {
  const { setupBinding } = await import('../slab/setup-binding.js')
  await setupBinding((line, isNews) => {
    if (isNews || !quiet) process.stderr.write(`${line}\n`)
  })
  return ExitCode.ok
}
