import { printable } from '../bytes/printable.js'
import { LogFile } from '../file/log-file.js'
import { cortexPaths } from '../layout/paths.js'
import { createLog, type Log } from '../log.js'
import { counted } from '../text/table.js'
import { effectiveLogLevel, type ParsedLog } from './log-options.js'

/** The log options of the command line. */
export interface ParsedRunLog extends ParsedLog {
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** How many lines to keep until the log file is open; no run writes more by then. */
const MOST_EARLY_LINES = 1000

/**
 * The log of a run. Shows urgent lines at once, and writes all lines to `<dest>/migration/migrate.log` once the run has
 * locked the destination.
 */
export class RunLog {
  /** Whether to show only errors. */
  readonly isQuiet: boolean
  /** Escapes characters that a terminal would act on: names in a source may contain them. */
  private readonly safe: (text: string) => string
  private readonly shown: Log
  private readonly plain: Log
  private readonly kept: Log
  private early: string[] = []
  private file: LogFile | null = null
  private isBroken = false
  /** Lines that could not be written. */
  private lost = 0

  /** @param show receives lines for the terminal, with their line feeds */
  constructor({ logLevel, logFormat: format, quiet, verbose }: ParsedRunLog, show: (line: string) => void) {
    const level = effectiveLogLevel(quiet === true ? 'ERROR' : verbose === true ? 'INFO' : logLevel)
    // JSON escapes them anyway.
    this.safe = format === 'json' ? (text) => text : printable
    this.isQuiet = level === 'ERROR' || level === 'CRITICAL'
    this.shown = createLog({ level, format, write: show })
    this.plain = createLog({ level: this.isQuiet ? 'CRITICAL' : 'INFO', format, write: show })
    this.kept = createLog({ level: 'DEBUG', format, write: (line) => this.keep(line) })
  }

  readonly log: Log = (level, text, where) => {
    const shown = this.safe(text)
    this.kept(level, shown, where)
    this.shown(level, shown, where)
  }

  /** Shows the progress of the run, unless only errors should be shown. */
  readonly progress = (text: string): void => {
    this.kept('INFO', text)
    this.plain('INFO', text)
  }

  /** Logs something that is not for the terminal, or is already there. */
  readonly note: Log = (level, text, where) => this.kept(level, this.safe(text), where)

  /** The run has locked the destination: writes all lines so far, and those to come. */
  begin(destDir: string): void {
    try {
      this.file = new LogFile(cortexPaths(destDir).migration.textLog)
    } catch (error) {
      this.isBroken = true
      this.fail(error)
      return
    }
    const { early } = this
    this.early = []
    for (const line of early) this.keep(line)
  }

  private keep(line: string): void {
    if (this.isBroken) return
    if (this.file === null) {
      if (this.early.length < MOST_EARLY_LINES) this.early.push(line)
      return
    }
    try {
      this.file.write(line)
    } catch (error) {
      if (this.lost === 0) this.fail(error)
      this.lost++
      return
    }
    const { lost } = this
    this.lost = 0
    if (lost > 0) this.kept('WARNING', `${counted(lost, 'line')} before the last one could not be written here`)
  }

  /** A run continues when its log cannot be written. */
  private fail(error: unknown): void {
    this.shown('WARNING', `Cannot keep the log of the run: ${(error as Error).message}`)
  }
}
