import { Command, CommanderError, Help, Option } from 'commander'
import { EXIT_MEANINGS, ExitCode } from '../errors.js'
import { createLog } from '../log.js'
import { maskUrls } from '../telepath/url.js'
import { AmbiguousOption, completePrefixes } from './arg-prefixes.js'
import { applySettings } from './command-settings.js'
import { type CodeMeaning, exitCodesHelp, reportFailure } from './exit.js'
import { packageVersion } from './package-version.js'
import { paintFor } from './paint.js'
import { prepareSettings, variableOf } from './settings.js'

/** What else a command may need to know about its options. */
export interface Given {
  /** Where the value of each option is from, as lines for the log. */
  readonly origins: readonly string[]
  /** Whether the command line itself has an option, by its attribute name. */
  isOnCommandLine(name: string): boolean
}

/** Runs the command with its options and operands; returns the exit code. */
type Run<Options> = (options: Options, operands: string[], given: Given) => ExitCode | Promise<ExitCode>

/** The heading for compatibility options, which come last in the help. */
export const NO_EFFECT_GROUP = 'Accepted for compatibility, without effect:'
const OPTION_VARIABLES = variableOf('<option>')
const HELP_GROUP = 'Configuration and help:'
const DOCS_LINE = '\nDocs: docs/commands.md and docs/troubleshooting.md of the package have the rest.'

/**
 * A command, or the root of a tree of commands. All of them accept unique prefixes of long options, report wrong
 * arguments in the same way, and end with one of the exit codes.
 */
export class CliCommand extends Command {
  private exitCode: ExitCode = ExitCode.ok
  private exampleLines: readonly string[] = []
  private takesSettings = false
  private envVariables: string | null = OPTION_VARIABLES
  private meanings: readonly CodeMeaning[] = []
  private origins: readonly string[] = []

  constructor(name?: string) {
    super(name)
    this.exitOverride()
      .allowExcessArguments(false)
      .enablePositionalOptions()
      .addHelpOption(new Option('-h, --help', 'show this').helpGroup(HELP_GROUP))
      .configureHelp({
        subcommandTerm: termOf,
        groupItems,
        commandDescription: (command) =>
          command instanceof CliCommand ? command.describedWithExamples : command.description(),
      })
      // A url in the wrong place must not show its password.
      .configureOutput({ outputError: (text, write) => write(reddened(maskUrls(text))) })
  }

  override createCommand(name?: string): CliCommand {
    return new CliCommand(name)
  }

  /**
   * Sets what the command does; call it after adding all options. Import heavy modules inside `run`, because help must
   * not wait for LMDB or threads.
   *
   * @param variables the pattern of its environment variables, if it has its own and its own configuration file; null
   *   when it has neither
   */
  runs<Options extends object>(run: Run<Options>, variables: string | null = OPTION_VARIABLES): this {
    this.envVariables = variables
    this.takesSettings = variables === OPTION_VARIABLES
    if (this.takesSettings) {
      const about = `options from this file, as YAML; the environment has them as ${OPTION_VARIABLES}`
      this.addOption(new Option('--config <file>', about).helpGroup(HELP_GROUP))
    }
    return this.addVersion().action(async () => {
      const { origins } = this
      const isOnCommandLine = (name: string) => this.getOptionValueSource(name) === 'cli'
      if (this.getOptionValue('logLevel') === undefined) sayOrigins(origins)
      const exitCode = await run(this.opts<Options>(), this.args, { origins, isOnCommandLine })
      this.root.exitCode = exitCode
    })
  }

  /**
   * Example commands for the help, before the options. Lines that start with a space or `#` belong to the line before.
   */
  examples(...lines: readonly string[]): this {
    this.exampleLines = lines
    return this
  }

  addOptions(options: readonly Option[]): this {
    for (const option of options) this.addOption(option)
    return this
  }

  /**
   * Ends the help with the exit codes.
   *
   * @param codes those that the command may return; all by default
   * @param own what a code means for this command, if that differs
   */
  exitCodes(codes: readonly ExitCode[] = Object.values(ExitCode), own: Partial<Record<ExitCode, string>> = {}): this {
    this.meanings = codes.map((code) => [code, own[code] ?? EXIT_MEANINGS[code]])
    return this.addHelpText('after', `${DOCS_LINE}\n${exitCodesHelp(this.meanings)}`)
  }

  /** The exit codes that the command may return. */
  get exitMeanings(): readonly CodeMeaning[] {
    return this.meanings
  }

  /** The pattern of the environment variables for its options. */
  get variables(): string | null {
    return this.envVariables
  }

  /** Runs the command tree with the arguments after the program's name. Prints errors on standard error. */
  async run(args: readonly string[]): Promise<ExitCode> {
    if (this.version() === undefined) this.addVersion()
    const colors = new Option('--no-color', 'no colors, as with the environment variable NO_COLOR')
    this.addOption(colors.helpGroup(HELP_GROUP))
    // This option is for every command, in any position.
    if (args.includes('--no-color')) process.env.NO_COLOR = '1'
    // Node lets FORCE_COLOR win over NO_COLOR; https://no-color.org says otherwise.
    if (process.env.NO_COLOR) delete process.env.FORCE_COLOR
    try {
      await prepareSettings(args, process.env)
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
    // Options after the name of a sub-command belong to that one.
    if (this.commands.length > 0) return super.parseOptions(args)
    try {
      const parsed = super.parseOptions(completePrefixes(this, args))
      const asksForHelp = parsed.unknown.some((arg) => arg === '-h' || arg === '--help')
      if (this.takesSettings && !asksForHelp) this.origins = applySettings(this, process.env)
      return parsed
    } catch (error) {
      if (error instanceof AmbiguousOption) this.error(`error: ${error.message}`)
      throw error
    }
  }

  override error(message: string, options?: Parameters<Command['error']>[1]): never {
    this.showHelpAfterError(`hint: ${this.fullName} --help lists arguments and options`)
    return super.error(message, options)
  }

  private addVersion(): this {
    this.version(packageVersion(), '-V, --version', 'print the version')
    this.options.find(({ long }) => long === '--version')?.helpGroup(HELP_GROUP)
    return this
  }

  private get describedWithExamples(): string {
    const examples = this.exampleLines.map((line) => (/^[ #]/.test(line) ? `    ${line}` : `  $ ${line}`))
    return [this.description(), ...(examples.length === 0 ? [] : ['', 'Examples:', ...examples])].join('\n')
  }

  private get root(): CliCommand {
    return this.parent instanceof CliCommand ? this.parent.root : this
  }

  private get fullName(): string {
    return this.parent instanceof CliCommand ? `${this.parent.fullName} ${this.name()}` : this.name()
  }
}

/** A sub-command with its operands; its own help has the rest. */
function termOf(command: Command): string {
  return [command.name(), ...command.registeredArguments.map((argument) => `<${argument.name()}>`)].join(' ')
}

/** Groups in the order of their first items; options without effect come last. */
function groupItems<T extends Command | Option>(all: T[], shown: T[], groupOf: (item: T) => string): Map<string, T[]> {
  const groups = Help.prototype.groupItems(all, shown, groupOf)
  const without = groups.get(NO_EFFECT_GROUP)
  if (without === undefined) return groups
  groups.delete(NO_EFFECT_GROUP)
  return groups.set(NO_EFFECT_GROUP, without)
}

/** For commands without a log: to debug, set the environment variable for the log level. */
function sayOrigins(origins: readonly string[]): void {
  if (process.env.SYN_LOG_LEVEL?.toUpperCase() !== 'DEBUG') return
  const log = createLog({ level: 'DEBUG' })
  for (const line of origins) log('DEBUG', line, 'options')
}

function reddened(text: string): string {
  return text.replace(/^error/, paintFor(process.stderr)('red', 'error'))
}
