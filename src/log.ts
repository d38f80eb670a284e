import pino from 'pino'

/** Names of the levels as `--log-level` takes them, those of Python's logging. */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

const pinoLevels: Record<LogLevel, string> = {
  DEBUG: 'debug',
  INFO: 'info',
  WARNING: 'warn',
  ERROR: 'error',
  CRITICAL: 'fatal',
}
const names = new Map(LOG_LEVELS.map((level) => [pino.levels.values[pinoLevels[level]], level]))

/** Where the lines of a run go; `where` stands for the reference's file and function. */
export type Log = (level: LogLevel, text: string, where?: string) => void

/**
 * A log on standard error with lines as the reference writes them:
 * `2026-11-22 14:22:01,131 [INFO] message [where:synapse-migrator]`. Lines are written at once, so a crash loses none.
 *
 * @param write takes the lines; a screen with a progress bar has to put them above it
 */
export function createLog(level: LogLevel, write: (line: string) => void = (line) => process.stderr.write(line)): Log {
  const stream = {
    write(json: string) {
      const { level: value, time, msg, where } = JSON.parse(json)
      write(`${timestamp(time)} [${names.get(value)}] ${msg} [${where}:synapse-migrator]\n`)
    },
  }
  const logger = pino({ level: pinoLevels[level], base: null }, stream)
  return (at, text, where = 'migrate') => {
    logger[pinoLevels[at] as 'info']({ where }, '%s', text)
  }
}

function timestamp(ms: number): string {
  const date = new Date(ms)
  const local = new Date(ms - date.getTimezoneOffset() * 60_000).toISOString()
  return local.replace('T', ' ').replace('.', ',').slice(0, 23)
}
