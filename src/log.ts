/** Level names for `--log-level`, as in Python's logging, from the least to the most urgent. */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

/** The format of log lines: the reference's, or one JSON object each. */
export const LOG_FORMATS = ['text', 'json'] as const

export type LogFormat = (typeof LOG_FORMATS)[number]

/** Receives what a run has to say; `where` stands for the reference's file and function. */
export type Log = (level: LogLevel, text: string, where?: string) => void

export interface LogOptions {
  /** Less urgent messages are not written. */
  readonly level: LogLevel
  readonly format?: LogFormat
  /** Takes whole lines with their line feed. A screen with progress bars prints them above the bars. */
  readonly write?: (line: string) => void
}

/**
 * A log, on standard error unless `write` is given, with lines as the reference writes them:
 * `2026-11-22 14:22:01,131 [INFO] message [where:synapse-migrator]`. Each is written at once, so a crash loses none.
 */
export function createLog({ level: least, format = 'text', write = writeToStderr }: LogOptions): Log {
  const lineOf = format === 'json' ? jsonLine : textLine
  return (level, text, where = 'migrate') => {
    if (LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least)) write(`${lineOf(new Date(), level, text, where)}\n`)
  }
}

function writeToStderr(line: string): void {
  process.stderr.write(line)
}

function textLine(time: Date, level: LogLevel, text: string, where: string): string {
  return `${localTime(time)} [${level}] ${text} [${where}:synapse-migrator]`
}

function jsonLine(time: Date, level: LogLevel, message: string, where: string): string {
  return JSON.stringify({ time: time.toISOString(), level, where, message })
}

function localTime(time: Date): string {
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString()
  return local.replace('T', ' ').replace('.', ',').slice(0, 23)
}
