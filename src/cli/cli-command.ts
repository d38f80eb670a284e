import { Command, CommanderError, type Option } from 'commander'
import { ExitCode } from '../errors.js'
import { maskUrls } from '../telepath/url.js'
import { AmbiguousOption, completePrefixes } from './arg-prefixes.js'
import { exitCodesHelp, reportFailure } from './exit.js'
import { packageVersion } from './package-version.js'
import { paintFor } from './paint.js'

/** What a command does with its options and operands; returns the exit code. */
type Run<Options> = (options: Options, operands: string[]) => ExitCode | Promise<ExitCode>

/**
 * A command, or the root of a tree of them. All of them take unique prefixes of long options, say what is wrong with their
 * arguments in the same way, and end with one of the exit codes.
 */
export class CliCommand extends Command {
  private exitCode: ExitCode = ExitCode.ok

  constructor(name?: string) {
    super(name)
    this.exitOverride()
      .allowExcessArguments(false)
      .enablePositionalOptions()
      .helpOption('-h, --help', 'show this')
      .configureHelp({ subcommandTerm: termOf })
      // A url at the wrong place must not be shown with its password.
      .configureOutput({ outputError: (text, write) => write(reddened(maskUrls(text))) })
  }

  override createCommand(name?: string): CliCommand {
    return new CliCommand(name)
  }

  /** Sets what the command does. What only that needs is best imported there: help must not wait for LMDB or threads. */
  runs<Options extends object>(run: Run<Options>): this {
    return this.action(async () => {
      const exitCode = await run(this.opts<Options>(), this.args)
      this.root.exitCode = exitCode
    })
  }

  addOptions(options: readonly Option[]): this {
    for (const option of options) this.addOption(option)
    return this
  }

  /** Ends the help with the exit codes; see exitCodesHelp(). */
  exitCodes(...codes: Parameters<typeof exitCodesHelp>): this {
    return this.addHelpText('after', exitCodesHelp(...codes))
  }

  /** Runs the tree whose root this is with the arguments behind its name; says on standard error what goes wrong. */
  async run(args: readonly string[]): Promise<ExitCode> {
    this.version(packageVersion(), '-V, --version', 'print the version')
    this.option('--no-color', 'no colors, as with the environment variable NO_COLOR')
    // It is for every command, wherever it stands.
    if (args.includes('--no-color')) process.env.NO_COLOR = '1'
    // Node lets FORCE_COLOR win over NO_COLOR; https://no-color.org does not.
    if (process.env.NO_COLOR) delete process.env.FORCE_COLOR
    try {
      await this.parseAsync(
        args.filter((arg) => arg !== '--no-color'),
        { from: 'user' },
      )
      return this.exitCode
    } catch (error) {
      if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage
      return reportFailure(error)
    }
  }

  override parseOptions(args: string[]): { operands: string[]; unknown: string[] } {
    // Behind the name of a sub-command they are options of that one.
    if (this.commands.length > 0) return super.parseOptions(args)
    try {
      return super.parseOptions(completePrefixes(this, args))
    } catch (error) {
      if (error instanceof AmbiguousOption) this.error(`error: ${error.message}`)
      throw error
    }
  }

  override error(message: string, options?: Parameters<Command['error']>[1]): never {
    this.showHelpAfterError(`hint: ${this.fullName} --help lists arguments and options`)
    return super.error(message, options)
  }

  private get root(): CliCommand {
    return this.parent instanceof CliCommand ? this.parent.root : this
  }

  private get fullName(): string {
    return this.parent instanceof CliCommand ? `${this.parent.fullName} ${this.name()}` : this.name()
  }
}

/** A sub-command with its operands: the rest is in its own help. */
function termOf(command: Command): string {
  return [command.name(), ...command.registeredArguments.map((argument) => `<${argument.name()}>`)].join(' ')
}

function reddened(text: string): string {
  return text.replace(/^error/, paintFor(process.stderr)('red', 'error'))
}
