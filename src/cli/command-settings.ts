import { type Command, InvalidArgumentError, type Option } from 'commander'
import { maskUrl } from '../telepath/url.js'
import { booleanOf, cannotUse, readSettings, type Setting } from './settings.js'

/** Options with values that only the run may see: a command may contain a token. */
const HIDDEN_NAMES: readonly string[] = ['on-success', 'on-failure']

const fromCommandLine = new WeakSet<Option>()

/**
 * Marks an option that says which one of many commands this is: settings are for all of them, and do not say it. (`layer` in
 * them is which layers `part plan` takes; it must not make the last `part finish` one of a layer.)
 */
export function onlyFromCommandLine(option: Option): Option {
  fromCommandLine.add(option)
  return option
}

/**
 * Adds the options from the environment and the configuration file to a command, unless they are on the command line or
 * conflict with an option there.
 *
 * @returns where the value of each option is from, as lines for the log
 */
export function applySettings(command: Command, env: NodeJS.ProcessEnv): string[] {
  const origins = new Map<string, string>()
  for (const option of command.options) {
    const attribute = option.attributeName()
    if (command.getOptionValueSource(attribute) === 'cli') origins.set(attribute, 'the command line')
  }
  const given = new Set(origins.keys())
  for (const setting of readSettings(command.getOptionValue('config') as string | undefined, env)) {
    const found = optionOf(command, setting.name)
    if (found === null || fromCommandLine.has(found.option)) continue
    const attribute = found.option.attributeName()
    if (origins.has(attribute)) continue
    const isAgainst = command.options.some(
      (other) =>
        given.has(other.attributeName()) &&
        (conflictsOf(other).includes(attribute) || conflictsOf(found.option).includes(other.attributeName())),
    )
    if (!isAgainst) apply(command, found, setting)
    origins.set(attribute, isAgainst ? `${setting.origin} is ignored: the command line says otherwise` : setting.origin)
  }
  return originLines(command, origins)
}

interface Found {
  readonly option: Option
  /** Whether the name is that of the opposite option, with or without `no-` in front. */
  readonly isInverse: boolean
}

function optionOf(command: Command, name: string): Found | null {
  const byName = (long: string) => command.options.find((option) => option.long === `--${long}`)
  const direct = byName(name)
  if (direct !== undefined) return { option: direct, isInverse: false }
  const inverse = byName(name.startsWith('no-') ? name.slice(3) : `no-${name}`)
  return inverse === undefined || !(inverse.isBoolean() || inverse.negate) ? null : { option: inverse, isInverse: true }
}

function apply(command: Command, { option, isInverse }: Found, setting: Setting): void {
  const attribute = option.attributeName()
  const set = (value: unknown) => command.setOptionValueWithSource(attribute, value, 'config')
  if (option.isBoolean() || option.negate) {
    const isGiven = booleanOf(setting) !== isInverse
    const value = isGiven !== option.negate
    // An option that was not given has no value, unless it has a default.
    if (value || command.getOptionValue(attribute) !== undefined) set(value)
    return
  }
  const isList = option.variadic || Array.isArray(option.defaultValue)
  if (!isList && setting.values.length !== 1) throw cannotUse(setting.name, setting.origin, 'it takes one value only')
  const texts = isList && !setting.isList ? parts(setting.values[0]) : setting.values
  try {
    let value: unknown = isList ? option.defaultValue : undefined
    for (const text of texts) value = option.parseArg === undefined ? text : option.parseArg(text, value as never)
    set(value)
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw cannotUse(setting.name, setting.origin, error.message)
    throw error
  }
}

/** Commander has this field, but no type for it. */
function conflictsOf(option: Option): readonly string[] {
  return (option as Option & { readonly conflictsWith: readonly string[] }).conflictsWith
}

function parts(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function originLines(command: Command, origins: ReadonlyMap<string, string>): string[] {
  const lines: string[] = []
  const seen = new Set<string>()
  for (const option of command.options) {
    const attribute = option.attributeName()
    const name = option.long?.slice(2)
    if (seen.has(attribute) || name === undefined || name === 'version') continue
    seen.add(attribute)
    const value: unknown = command.getOptionValue(attribute)
    const origin = origins.get(attribute)
    if (value === undefined && origin === undefined) continue
    const shown = HIDDEN_NAMES.includes(name) ? 'set' : JSON.stringify(masked(value ?? null))
    lines.push(`Option ${attribute}: ${shown}, from ${origin ?? 'the default'}`)
  }
  return lines
}

/** Mask each text separately: a password may contain a space or a quote. */
function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked)
  return typeof value === 'string' ? maskUrl(value) : value
}
