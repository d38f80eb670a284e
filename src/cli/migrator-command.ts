import { Command } from 'commander'
import { ExitCode } from '../errors.js'
import { packageVersion } from './package-version.js'
import { styleOf } from './style.js'

/** A sub-command: what it is for, and how to run it with the arguments behind its name. */
interface SubCommand {
  readonly usage: string
  readonly about: string
  /** Imported when it is run: help must not wait for LMDB or worker threads. */
  readonly run: (args: readonly string[], name: string) => Promise<number>
}

const COMMANDS: Readonly<Record<string, SubCommand>> = {
  migrate: {
    usage: '--src DIR --dest DIR …',
    about: 'migrate a 0.1.x Cortex; the same as migrate_020',
    run: async (args, name) => (await import('./migrate-command.js')).migrateCommand(args, name),
  },
  sync: {
    usage: 'DIR --src URL --dest URL …',
    about: 'keep the migrated Cortex in sync until cut-over; the same as sync_020',
    run: async (args, name) => (await import('./sync-command.js')).syncCommand(args, name),
  },
  preflight: {
    usage: '--src DIR --dest DIR …',
    about: 'check source and destination, write nothing',
    run: async (args, name) => (await import('./preflight-command.js')).preflightCommand(args, name),
  },
  inspect: {
    usage: 'DIR',
    about: 'say what is in a Cortex directory, 0.1.x or 2.x',
    run: async (args, name) => (await import('./inspect-command.js')).inspectCommand(args, name),
  },
  errors: {
    usage: 'DEST',
    about: 'list what could not be migrated',
    run: async (args, name) => (await import('./errors-command.js')).errorsCommand(args, name),
  },
  verify: {
    usage: '--src DIR --dest DIR',
    about: 'compare a migrated Cortex with its source, row by row',
    run: async (args, name) => (await import('./verify-command.js')).verifyCommand(args, name),
  },
  'bench-disk': {
    usage: 'DIR [--src CORTEX]',
    about: 'measure a disk, and forecast a migration to it',
    run: async (args, name) => (await import('./bench-disk-command.js')).benchDiskCommand(args, name),
  },
  checkpoint: {
    usage: 'show|reset DEST',
    about: 'show or forget where an interrupted migration would go on',
    run: async (args, name) => (await import('./checkpoint-command.js')).checkpointCommand(args, name),
  },
  setup: {
    usage: '',
    about: 'build the LMDB binding that Synapse files need',
    run: async (args, name) => (await import('./setup-command.js')).setupCommand(args, name),
  },
}

/** Names of the sub-commands, in the order of the help. */
export const COMMAND_NAMES = Object.keys(COMMANDS)

/** Runs `synapse-migrator` with the arguments behind its name; returns the exit code. */
export async function migratorCommand(args: readonly string[]): Promise<number> {
  // For every command, wherever it stands.
  if (args.includes('--no-color')) process.env.NO_COLOR = '1'
  const [first, ...rest] = args.filter((arg) => arg !== '--no-color')
  if (first === 'help' && rest.length > 0) return migratorCommand([rest[0], '--help'])
  if (first === '--version' || first === '-V') return print(`${packageVersion()}\n`, process.stdout, ExitCode.ok)
  if (first === undefined) return print(helpText(), process.stderr, ExitCode.usage)
  if (first === 'help' || first === '--help' || first === '-h') return print(helpText(), process.stdout, ExitCode.ok)
  const command = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined
  if (command === undefined) return unknown(first)
  return command.run(rest, `synapse-migrator ${first}`)
}

function helpText(): string {
  const program = new Command('synapse-migrator')
    .description('Moves a Synapse 0.1.x Cortex to 0.2.x / 2.x, and looks at what was there and what became of it.')
    .usage('<command> [options]')
    .helpOption('-h, --help', 'show this, or the help of a command')
    .helpCommand('help [command]', 'show this, or the help of a command')
    .option('-V, --version', 'print the version')
    .option('--no-color', 'no colours, as with the environment variable NO_COLOR')
  for (const [name, { usage, about }] of Object.entries(COMMANDS)) {
    program.command(name).usage(usage).description(about).helpOption(false)
  }
  program.configureHelp({ subcommandTerm: (command) => `${command.name()} ${command.usage()}`.trim() })
  program.addHelpText('after', EXAMPLES)
  let text = ''
  program.configureOutput({ writeOut: (part) => { text += part } }).outputHelp() // biome-ignore format: short
  return text
}

const EXAMPLES = `
Examples:
  $ synapse-migrator inspect ./cortex-01x
  $ synapse-migrator preflight --src ./cortex-01x --dest ./cortex-2x
  $ synapse-migrator migrate --src ./cortex-01x --dest ./cortex-2x --verify
  $ synapse-migrator errors ./cortex-2x
  $ synapse-migrator verify --src ./cortex-01x --dest ./cortex-2x

Data goes to standard output, everything else to standard error. The README lists the exit codes.
`

function unknown(name: string): number {
  const [near] = COMMAND_NAMES.map((known) => ({ known, steps: distance(name, known) }))
    .filter(({ steps }) => steps <= 2)
    .sort((a, b) => a.steps - b.steps)
  const hint = near === undefined ? 'see synapse-migrator help' : `did you mean ${near.known}?`
  const { red } = styleOf(process.stderr)
  process.stderr.write(`${red('error')}: unknown command "${name}"\nhint: ${hint}\n`)
  return ExitCode.usage
}

/** Letters to change, add or remove to make one word of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]
}

function print(text: string, stream: NodeJS.WriteStream, code: number): number {
  stream.write(text)
  return code
}
