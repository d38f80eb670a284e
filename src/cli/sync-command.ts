import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { ExitCode, MigrationError } from '../errors.js'
import { createLog, type Log, type LogLevel } from '../log.js'
import type { SyncLog } from '../sync/api.js'
import { SyncCell } from '../sync/cell/cell.js'
import { expandPath, openCellDir } from '../sync/cell/cell-dir.js'
import { type ConfigInput, envName, readConfig } from '../sync/cell/config.js'
import { createSyncService } from '../sync/pipeline.js'
import { openCortex } from '../sync/remote.js'
import { stateJson } from '../sync/status.js'
import { resolveUrl } from '../telepath/aliases.js'
import { LinkDown, TelepathError } from '../telepath/errors.js'
import { maskUrls, showUrl } from '../telepath/url.js'
import { AmbiguousOption, completePrefixes } from './arg-prefixes.js'
import { reportFailure } from './exit.js'
import { effectiveLogLevel, logLevelOption } from './log-level.js'
import { packageVersion } from './package-version.js'
import { intOf } from './whole-number.js'

const DEFAULT_TELEPATH = 'tcp://0.0.0.0:27492'
const DEFAULT_HTTPS = 4443

/** How often `--json` writes the state. */
const STATE_LINE_MS = 10_000

interface Parsed {
  logLevel: LogLevel
  telepath?: string
  https?: number | 'none'
  name?: string
  src?: string
  dest?: string
  offsfile?: string
  poll_s?: number
  err_lim?: number
  queue_size?: number
  offs_logging?: number
  authPasswd?: string
  nexslogEn?: boolean
  modelSync?: string
  migrationMode: boolean
  start?: 'file' | 'last'
  untilCaughtUp?: boolean
  json?: boolean
}

/** Runs the service with the arguments behind the name, until a signal or the end that was asked for; returns the exit code. */
export async function syncCommand(args: readonly string[], name = 'sync_020'): Promise<number> {
  const command = defineCommand(name)
  let dirn: string
  let parsed: Parsed
  let level: LogLevel
  try {
    command.parse(completePrefixes(command, args), { from: 'user' })
    dirn = command.args[0]
    parsed = command.opts<Parsed>()
    level = effectiveLogLevel(parsed.logLevel)
  } catch (error) {
    return usageFailure(error, name)
  }
  const log = createLog(level)
  log('INFO', `log level set to ${level}`, 'sync')
  let cell: SyncCell
  try {
    cell = await openCell(dirn, parsed, syncLog(log))
  } catch (error) {
    return reportFailure(error)
  }
  return new Run(cell, parsed, log).end
}

/** The service from its start to its end. */
class Run {
  readonly end: Promise<number>
  #signalled = false
  #finish: (code: number) => void = () => {}
  readonly #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly cell: SyncCell,
    private readonly parsed: Parsed,
    private readonly log: Log,
  ) {
    const done = new Promise<number>((resolve) => {
      this.#finish = resolve
    })
    this.end = done.then((code) => this.#close(code))
    process.on('SIGINT', this.#onSignal)
    process.on('SIGTERM', this.#onSignal)
    if (parsed.json) this.#timer = setInterval(() => this.#writeState(), STATE_LINE_MS)
    this.#announce()
    cell.failed.catch((error) => this.#finish(reportFailure(error)))
    this.#work().catch((error) => this.#finish(reportFailure(error)))
  }

  readonly #onSignal = (signal: NodeJS.Signals) => {
    const code = signal === 'SIGINT' ? ExitCode.sigint : ExitCode.sigterm
    // Whoever asks twice does not want to wait: nothing is lost, the next start goes on behind what was acknowledged.
    if (this.#signalled) process.exit(code)
    this.#signalled = true
    this.#say(`Caught ${signal}, shutting down.`)
    // A service is ended by signals; one that was to catch up has not done what it was started for.
    this.#finish(this.parsed.untilCaughtUp ? code : ExitCode.ok)
  }

  async #work(): Promise<void> {
    const { service } = this.cell
    if (this.parsed.start === 'file') this.#started(await service.startSyncFromFile())
    if (this.parsed.start === 'last') this.#started(await service.startSyncFromLast())
    if (!this.parsed.untilCaughtUp) return
    await service.untilCaughtUp()
    const { layers } = service.state()
    const errors = layers.reduce((sum, layer) => sum + layer.errorCount, 0)
    this.log('INFO', `Every layer is in sync, ${errors} changes could not be applied`, 'sync')
    this.#finish(errors > 0 ? ExitCode.quarantined : ExitCode.ok)
  }

  #started(layers: readonly [string, number][]): void {
    if (layers.length === 0) this.log('WARNING', 'No layer was ever started here: start from the offsets file', 'sync')
    for (const [iden, offset] of layers) this.log('INFO', `Sync of layer ${iden} started at offset ${offset}`, 'sync')
  }

  async #close(code: number): Promise<number> {
    clearInterval(this.#timer)
    try {
      if (this.parsed.json) this.#writeState()
      await this.cell.close()
      return code
    } catch (error) {
      return reportFailure(error)
    } finally {
      process.off('SIGINT', this.#onSignal)
      process.off('SIGTERM', this.#onSignal)
    }
  }

  #announce(): void {
    const { telepath, https, name } = addresses(this.parsed)
    this.#say(`...syncmigrator API (telepath): ${shownListenUrl(telepath)}`)
    this.#say(`...syncmigrator API (https): ${https ?? 'disabled'}`)
    if (name !== undefined) this.#say(`...syncmigrator API (telepath name): ${name}`)
    const { ports } = this.cell
    this.log(
      'INFO',
      `Listening: telepath port ${ports.telepath ?? 'none'}, https port ${ports.https ?? 'none'}`,
      'sync',
    )
  }

  /** The reference's lines go to standard output, but for `--json`, which has it to itself. */
  #say(line: string): void {
    const stream = this.parsed.json ? process.stderr : process.stdout
    stream.write(`${line}\n`)
  }

  #writeState(): void {
    process.stdout.write(`${JSON.stringify(stateJson(this.cell.service.state()))}\n`)
  }
}

async function openCell(dirn: string, parsed: Parsed, log: SyncLog): Promise<SyncCell> {
  const config = readConfig(expandPath(dirn), configOf(parsed), process.env)
  const dir = await openCellDir(dirn, log.warn)
  return SyncCell.open({
    ...addresses(parsed),
    dir,
    config,
    version: packageVersion().split(/[.-]/, 3).map(Number),
    log,
    openCortex,
    createSyncService,
  })
}

/** Options that are configuration keys. */
function configOf(parsed: Parsed): ConfigInput {
  return {
    src: parsed.src,
    dest: parsed.dest,
    offsfile: parsed.offsfile,
    poll_s: parsed.poll_s,
    err_lim: parsed.err_lim,
    queue_size: parsed.queue_size,
    offs_logging: parsed.offs_logging,
    'auth:passwd': parsed.authPasswd,
    'nexslog:en': parsed.nexslogEn,
    model_sync: parsed.modelSync,
    no_migration_mode: parsed.migrationMode ? undefined : true,
  }
}

function addresses(parsed: Parsed): { telepath: string; https: number | null; name: string | undefined } {
  const env = (key: string) => process.env[envName(key)]?.trim() || undefined
  const https = env('https')
  if (https !== undefined && !isPort(https)) {
    throw new MigrationError('ERR_CONFIG', `Cannot use ${envName('https')}: it is no port number and not none`)
  }
  const port = parsed.https ?? (https === undefined ? DEFAULT_HTTPS : portOf(https))
  return {
    telepath: parsed.telepath ?? env('telepath') ?? DEFAULT_TELEPATH,
    https: port === 'none' ? null : port,
    name: parsed.name ?? env('name'),
  }
}

function defineCommand(name: string): Command {
  return (
    new Command(name)
      .usage('<dirn> [options]')
      .description('Keeps a migrated 2.x Cortex up to date with the running 0.1.x Cortex until cut-over.')
      .helpOption('-h, --help', 'show this')
      .exitOverride()
      // A url at the wrong place must not be shown with its password.
      .configureOutput({ outputError: (text, write) => write(maskUrls(text)) })
      .argument('<dirn>', "the service's own directory, made when it is missing")
      .allowExcessArguments(false)
      .addOption(logLevelOption())
      .option('--telepath <url>', `where to listen for telepath (default: ${DEFAULT_TELEPATH})`)
      .option(
        '--https <port>',
        `port of the status page; 0: any free one, none: no page (default: ${DEFAULT_HTTPS})`,
        portOf,
      )
      .option('--name <name>', 'share the service under this name too')
      .option('--src <url>', 'telepath url of the 0.1.x Cortex')
      .option('--dest <url>', 'telepath url of the 2.x Cortex')
      .option('--offsfile <file>', 'where each layer starts: <dest>/migration/lyroffs.yaml of the migration')
      .option('--poll_s <seconds>', 'between looks at a source that has nothing new (default: 60)', numberOf)
      .option('--err_lim <n>', 'failed changes after which a layer stops; -1: never (default: 10)', intOf)
      .option('--queue_size <n>', 'most changes of a layer in memory (default: 100000)', intOf)
      .option('--offs_logging <n>', 'a log line every so many offsets; 0: none (default: 10000000)', intOf)
      .option('--auth-passwd <passwd>', "password of the service's user root")
      .option('--nexslog-en <bool>', 'accepted for compatibility, without effect', booleanOf)
      .addOption(
        new Option(
          '--model-sync <how>',
          'what becomes of model extensions that only the source has: added, or only named in the status (default: add)',
        ).choices(['add', 'off']),
      )
      .option(
        '--no-migration-mode',
        'go on with a destination that has no migration mode: its triggers and cron jobs run',
      )
      .addOption(new Option('--start <from>', 'start the sync at once').choices(['file', 'last']))
      .option('--until-caught-up', 'end with 0 as soon as every layer has been in sync once')
      .option('--json', 'write the state to standard output, a line of JSON each 10 s and at the end')
      .addHelpText(
        'after',
        `
Nothing is synced before --start, or a start command of the 2.x Cortex that has added the service (service.add).
Everything from --src to --model-sync can stand in <dirn>/cell.yaml too, or in SYN_SYNCMIGRATOR_<NAME>.
Exit codes: 0 ended by a signal, or in sync; 2 wrong arguments; 3 wrong configuration, or a Cortex refuses; 8 in sync but for
changes that could not be applied; 130 or 143 interrupted before --until-caught-up was done.

Example:
  $ ${name} ./sync --auth-passwd PASSWD --offsfile ./cortex-2x/migration/lyroffs.yaml --start file \\
      --src tcp://root:PASSWD@old:27492/ --dest tcp://root:PASSWD@new:27492/ --telepath tcp://0.0.0.0:27493/`,
      )
  )
}

function usageFailure(error: unknown, name: string): number {
  if (error instanceof MigrationError) return reportFailure(error)
  const untold = error instanceof AmbiguousOption
  if (!untold && !(error instanceof CommanderError)) throw error
  if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.ok
  if (untold) process.stderr.write(`error: ${error.message}\n`)
  process.stderr.write(`hint: ${name} --help lists arguments and options\n`)
  return ExitCode.usage
}

function syncLog(createdLog: Log): SyncLog {
  const log = (level: LogLevel, message: string) => createdLog(level, maskUrls(message), 'sync')
  return {
    debug: (message) => log('DEBUG', message),
    info: (message) => log('INFO', message),
    warn: (message) => log('WARNING', message),
    error: (message, cause) => log('ERROR', cause === undefined ? message : `${message}: ${causeText(cause)}`),
  }
}

/** A bug needs its stack, a failure of the network or a Cortex does not. */
function causeText(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const expected = cause instanceof LinkDown || cause instanceof TelepathError || cause instanceof MigrationError
  return expected ? cause.message : String(cause.stack)
}

function shownListenUrl(text: string): string {
  const url = resolveUrl(text)
  return url.passwd === null ? text : showUrl(url)
}

function numberOf(text: string): number {
  if (!/^[+-]?\d+(\.\d+)?$/.test(text.trim())) throw new InvalidArgumentError('it is no number')
  return Number(text)
}

/** A port, or `none`: commander makes an empty text of null. */
function portOf(text: string): number | 'none' {
  if (!isPort(text)) throw new InvalidArgumentError('it is no port, 0 to 65535, and not none')
  return text === 'none' ? text : Number(text)
}

function isPort(text: string): boolean {
  return text === 'none' || (/^\d{1,5}$/.test(text) && Number(text) <= 65535)
}

function booleanOf(text: string): boolean {
  const yes = /^(true|yes|on)$/i.test(text)
  if (!yes && !/^(false|no|off)$/i.test(text)) throw new InvalidArgumentError('it is neither True nor False')
  return yes
}
