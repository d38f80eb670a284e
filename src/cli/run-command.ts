import { type Command, CommanderError } from 'commander'
import { ExitCode } from '../errors.js'
import { reportFailure } from './exit.js'

/** Parses the arguments of a command and runs it; returns the exit code, and says on standard error what went wrong. */
export async function runCommand<Options extends object>(
  command: Command,
  args: readonly string[],
  run: (options: Options, operands: string[]) => number | Promise<number>,
): Promise<number> {
  try {
    command.exitOverride().parse(args, { from: 'user' })
    return await run(command.opts<Options>(), command.args)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage
    return reportFailure(error)
  }
}

/** Prints JSON on standard output: one document, indented for people. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}
