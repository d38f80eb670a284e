import { InvalidArgumentError, Option } from 'commander'
import { MigrationError } from '../errors.js'
import { LOG_LEVELS, type LogLevel } from '../log.js'

const NAMES = LOG_LEVELS.join(', ')
const VARIABLE = 'SYN_LOG_LEVEL'

export function logLevelOption(): Option {
  return new Option('--log-level <level>', `${NAMES}; ${VARIABLE} overrides it`)
    .argParser((text: string) => {
      const level = levelOf(text)
      if (level === undefined) throw new InvalidArgumentError(`choose from ${NAMES}`)
      return level
    })
    .default('INFO')
}

/**
 * The level to log from: the environment overrides the option, as in the reference.
 *
 * @throws {MigrationError} ERR_USAGE when the environment has no level
 */
export function effectiveLogLevel(option: LogLevel): LogLevel {
  const text = process.env[VARIABLE]
  if (text === undefined || text === '') return option
  const level = levelOf(text)
  if (level !== undefined) return level
  throw new MigrationError('ERR_USAGE', `Cannot use ${VARIABLE} "${text}": it is no log level`, {
    hint: `Choose from ${NAMES}, or unset ${VARIABLE}`,
  })
}

function levelOf(text: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === text.toUpperCase())
}
