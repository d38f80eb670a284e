import { printable } from '../bytes/printable.js'
import { LogFile } from '../file/log-file.js'
import { cortexPaths } from '../layout/paths.js'
import { createLog, type Log } from '../log.js'
import { counted } from '../text/table.js'
import { effectiveLogLevel, type ParsedLog } from './log-options.js'

/** What a command line says of its log. */
export interface ParsedRunLog extends ParsedLog {
  readonly quiet?: boolean
  readonly verbose?: boolean
}

/** More lines than these nobody writes before a run begins. */
const MOST_EARLY_LINES = 1000

/**
 * The log of a run: what is urgent enough is shown at once, and all of it is kept in `<dest>/migration/migrate.log` as soon
 * as the run has the destination to itself.
 */
export class RunLog {
  /** Whether only errors are to be shown. */
  readonly isQuiet: boolean
  /** Names of a source may hold what a terminal acts on. */
  private readonly safe: (text: string) => string
  private readonly shown: Log
  private readonly plain: Log
  private readonly kept: Log
  private early: string[] = []
  private file: LogFile | null = null
  private isBroken = false
  /** Lines that could not be written. */
  private lost = 0

  /** @param show takes lines for the terminal, with their line feeds */
  constructor({ logLevel, logFormat: format, quiet, verbose }: ParsedRunLog, show: (line: string) => void) {
    const level = effectiveLogLevel(quiet === true ? 'ERROR' : verbose === true ? 'INFO' : logLevel)
    // JSON escapes them already.
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

  /** Shows how far the run has come, unless only errors are to be shown. */
  readonly progress = (text: string): void => {
    this.kept('INFO', text)
    this.plain('INFO', text)
  }

  /** Notes what is not for the terminal, or is there already. */
  readonly note: Log = (level, text, where) => this.kept(level, this.safe(text), where)

  /** The run has the destination to itself from now on: what was said so far is written, too. */
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

  /** That a log cannot be kept changes nothing about the run. */
  private fail(error: unknown): void {
    this.shown('WARNING', `Cannot keep the log of the run: ${(error as Error).message}`)
  }
}
