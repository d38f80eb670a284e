import { printable } from '../bytes/printable.js'
import { ExitCode, MigrationError } from '../errors.js'
import type { Log, LogLevel } from '../log.js'
import type { SyncLog, SyncState } from '../sync/api.js'
import { SyncCell } from '../sync/cell/cell.js'
import { expandPath, openCellDir } from '../sync/cell/cell-dir.js'
import { readConfig } from '../sync/cell/config.js'
import { createSyncService } from '../sync/pipeline.js'
import { openCortex } from '../sync/remote.js'
import { stateJson } from '../sync/status.js'
import { resolveUrl } from '../telepath/aliases.js'
import { LinkDown, TelepathError } from '../telepath/errors.js'
import { maskUrls, showUrl } from '../telepath/url.js'
import { reportFailure } from './exit.js'
import { effectiveLogLevel, logOf } from './log-options.js'
import { packageVersion } from './package-version.js'
import { addresses, configOf, httpsText, type ParsedSync } from './sync-options.js'

/** How often `--json` writes the state. */
const STATE_LINE_MS = 10_000

/** Runs the service until a signal, or until it has caught up if asked to; returns the exit code. */
export async function runSync(dirn: string, parsed: ParsedSync): Promise<ExitCode> {
  if (parsed.stop && !parsed.untilCaughtUp) {
    throw new MigrationError('ERR_USAGE', 'Cannot use --stop alone: it says how --until-caught-up ends')
  }
  // Its files hold secrets and an analyst's data.
  process.umask(0o077)
  const log = logOf(parsed)
  log('INFO', `log level set to ${effectiveLogLevel(parsed.logLevel)}`, 'sync')
  return new Run(await openCell(dirn, parsed, syncLog(log)), parsed, log).end
}

/** The service from start to end. */
class Run {
  readonly end: Promise<ExitCode>
  private signalled = false
  private finish: (code: ExitCode) => void = () => {}
  private readonly timer: NodeJS.Timeout | undefined
  /** The state when `--until-caught-up` ended. */
  private last: SyncState | undefined

  constructor(
    private readonly cell: SyncCell,
    private readonly parsed: ParsedSync,
    private readonly log: Log,
  ) {
    const done = new Promise<ExitCode>((resolve) => {
      this.finish = resolve
    })
    this.end = done.then((code) => this.close(code))
    process.on('SIGINT', this.onSignal)
    process.on('SIGTERM', this.onSignal)
    const writeState = () => {
      this.writeState().catch((error) => this.finish(reportFailure(error)))
    }
    if (parsed.json) this.timer = setInterval(writeState, STATE_LINE_MS)
    this.announce()
    cell.failed.catch((error) => this.finish(reportFailure(error)))
    this.work().catch((error) => this.finish(reportFailure(error)))
  }

  private readonly onSignal = (signal: NodeJS.Signals) => {
    const code = signal === 'SIGINT' ? ExitCode.sigint : ExitCode.sigterm
    // A second signal means "do not wait". Nothing is lost: the next start continues after the last acknowledgement.
    if (this.signalled) process.exit(code)
    this.signalled = true
    this.say(`Caught ${signal}, shutting down.`)
    // A signal is the normal end of a service. But with --until-caught-up it means that the work is not done.
    this.finish(this.parsed.untilCaughtUp ? code : ExitCode.ok)
  }

  private async work(): Promise<void> {
    const { service } = this.cell
    if (this.parsed.start === 'file') this.started(await service.startSyncFromFile())
    if (this.parsed.start === 'last') this.started(await service.startSyncFromLast())
    if (!this.parsed.untilCaughtUp) return
    const state = await service.untilCaughtUp()
    this.last = state
    if (state.canCutover) {
      this.log('INFO', 'Every layer is in sync, nothing prevents the cut-over', 'sync')
      for (const text of state.notLookedAt) this.log('INFO', `Not looked at: ${text}`, 'sync')
      if (this.parsed.stop) await this.stop()
      this.finish(ExitCode.ok)
      return
    }
    for (const blocker of state.cutoverBlockers) this.log('WARNING', `Not ready to cut over: ${blocker}`, 'sync')
    if (this.parsed.stop) this.log('WARNING', 'The sync was not stopped, as it is not ready to cut over', 'sync')
    this.finish(ExitCode.quarantined)
  }

  /** @throws {MigrationError} ERR_DEST when triggers and cron jobs of the destination would stay off without notice */
  private async stop(): Promise<void> {
    const { service } = this.cell
    await service.stopSync()
    const { migrationMode, migrationModeOverride, migrationModeError } = service.state()
    if (migrationMode === false || migrationModeOverride === true) return
    throw new MigrationError(
      'ERR_DEST',
      `The sync was stopped, but migration mode is still on at the destination: ${migrationModeError ?? 'it is not known why'}`,
      { hint: 'its triggers and cron jobs stay off: restart the destination, or call disableMigrationMode() of it' },
    )
  }

  private started(layers: readonly [string, number][]): void {
    if (layers.length === 0) this.log('WARNING', 'No layer was ever started here: start from the offsets file', 'sync')
    for (const [iden, offset] of layers) this.log('INFO', `Sync of layer ${iden} started at offset ${offset}`, 'sync')
  }

  private async close(code: ExitCode): Promise<ExitCode> {
    clearInterval(this.timer)
    try {
      if (this.parsed.json) await this.writeState(this.last)
      await this.cell.close()
      return code
    } catch (error) {
      return reportFailure(error)
    } finally {
      process.off('SIGINT', this.onSignal)
      process.off('SIGTERM', this.onSignal)
    }
  }

  private announce(): void {
    const { telepath, https, name } = addresses(this.parsed)
    this.say(`...syncmigrator API (telepath): ${shownListenUrl(telepath)}`)
    this.say(`...syncmigrator API (https): ${https === null ? 'disabled' : httpsText(https)}`)
    if (name !== undefined) this.say(`...syncmigrator API (telepath name): ${name}`)
    const { ports } = this.cell
    this.log(
      'INFO',
      `Listening: telepath port ${ports.telepath ?? 'none'}, https port ${ports.https ?? 'none'}`,
      'sync',
    )
  }

  /** The reference prints these lines on standard output; with `--json` that is only for JSON. */
  private say(line: string): void {
    const stream = this.parsed.json ? process.stderr : process.stdout
    stream.write(`${line}\n`)
  }

  private async writeState(state?: SyncState): Promise<void> {
    process.stdout.write(`${JSON.stringify(stateJson(state ?? (await this.cell.service.ask())))}\n`)
  }
}

async function openCell(dirn: string, parsed: ParsedSync, log: SyncLog): Promise<SyncCell> {
  const config = readConfig(expandPath(dirn), configOf(parsed), process.env)
  const where = addresses(parsed)
  const dir = await openCellDir(dirn, log.warn)
  return SyncCell.open({
    ...where,
    dir,
    config,
    version: packageVersion().split(/[.-]/, 3).map(Number),
    log,
    openCortex: (url) => openCortex(url, { maxFrameBytes: config.messageBytes }),
    createSyncService,
  })
}

function syncLog(createdLog: Log): SyncLog {
  const log = (level: LogLevel, message: string) => createdLog(level, maskUrls(message), 'sync')
  return {
    debug: (message) => log('DEBUG', printable(message)),
    info: (message) => log('INFO', printable(message)),
    warn: (message) => log('WARNING', printable(message)),
    error: (message, cause) => log('ERROR', printable(message) + (cause === undefined ? '' : `: ${causeText(cause)}`)),
  }
}

/** A bug needs its stack; a network failure or an error of a Cortex does not. */
function causeText(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const expected = cause instanceof LinkDown || cause instanceof TelepathError || cause instanceof MigrationError
  return expected ? printable(cause.message) : String(cause.stack)
}

function shownListenUrl(text: string): string {
  const url = resolveUrl(text)
  return url.passwd === null ? text : showUrl(url)
}
