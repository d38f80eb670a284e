import { InvalidArgumentError, Option } from 'commander'
import { MigrationError } from '../errors.js'
import { createLog, LOG_FORMATS, LOG_LEVELS, type Log, type LogFormat, type LogLevel } from '../log.js'

const NAMES = LOG_LEVELS.join(', ')
const VARIABLE = 'SYN_LOG_LEVEL'

/** The options of a log as commander leaves them. */
export interface ParsedLog {
  logLevel: LogLevel
  logFormat: LogFormat
}

export function logOptions(usual: LogLevel = 'INFO'): Option[] {
  const level = new Option('--log-level <level>', `${NAMES}; ${VARIABLE} overrides it`)
    .argParser((text: string) => {
      const level = levelOf(text)
      if (level === undefined) throw new InvalidArgumentError(`choose from ${NAMES}`)
      return level
    })
    .default(usual)
  const format = new Option('--log-format <format>', 'lines of the log as text, or as a JSON object each')
    .choices(LOG_FORMATS)
    .default('text')
  return [level, format]
}

/** Shortcuts for the two most useful levels. The log file has what they hide. */
export function loudnessOptions(): Option[] {
  const quiet = new Option('-q, --quiet', 'show errors only, no warnings and no progress')
  const verbose = new Option(
    '-v, --verbose',
    'show each step; all that is shown is also in <dest>/migration/migrate.log',
  )
  return [quiet.conflicts(['logLevel', 'verbose']), verbose.conflicts('logLevel')]
}

/**
 * The log that the options ask for, on standard error.
 *
 * @throws {MigrationError} ERR_USAGE when the environment asks for a level that is none
 */
export function logOf({ logLevel, logFormat }: ParsedLog): Log {
  return createLog({ level: effectiveLogLevel(logLevel), format: logFormat })
}

/** The log level: the environment overrides the option, as in the reference. */
export function effectiveLogLevel(option: LogLevel): LogLevel {
  const text = process.env[VARIABLE]
  if (text === undefined || text === '') return option
  const level = levelOf(text)
  if (level !== undefined) return level
  throw new MigrationError('ERR_USAGE', `Cannot use ${VARIABLE} "${text}": it is not a log level`, {
    hint: `Choose from ${NAMES}, or unset ${VARIABLE}`,
  })
}

function levelOf(text: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === text.toUpperCase())
}
