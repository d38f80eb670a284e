import { readFileSync } from 'node:fs'
import { assert, MigrationError } from '../errors.js'
import { OPTION_NAMES } from './option-names.js'

const ENV_PREFIX = 'SYN_MIGRATE_'

/** Variables in the environment of a hook that are not options. */
const HOOK_NAMES: readonly string[] = ['exit-code', 'run-id', 'report', 'status']
/** Variables that Kubernetes sets for a service named syn-migrate. */
const SERVICE_NAME = /^(service-(host|port(-.*)?)|port(-\d+-.*)?)$/

/** The value of an option that is not from the command line. */
export interface Setting {
  /** The option's long name without dashes. */
  readonly name: string
  /** The values as written; several for an option that may be repeated. */
  readonly values: readonly string[]
  /** Whether they are written as a list. A single text may hold several values, separated by commas. */
  readonly isList: boolean
  /** Where it is from, for messages. */
  readonly origin: string
}

type Env = Readonly<Record<string, string | undefined>>

let plainYaml: ((text: string) => unknown) | null = null

/**
 * Loads the YAML parser if arguments or environment may need it. Loading takes longer than everything else in a short
 * command, and the parsing of arguments is synchronous.
 */
export async function prepareSettings(args: readonly string[], env: Env): Promise<void> {
  const hasFile = args.some((arg) => arg.startsWith('--c')) || env[variableOf('config')]
  const hasList = Object.entries(env).some(([name, text]) => name.startsWith(ENV_PREFIX) && text?.startsWith('['))
  if (hasFile || hasList) ({ plainYaml } = await import('./plain-yaml.js'))
}

/** The environment variable of an option. */
export function variableOf(name: string): string {
  return ENV_PREFIX + name.toUpperCase().replaceAll('-', '_')
}

/**
 * The settings from environment and configuration file, in order of precedence; empty ones do not count. Call
 * prepareSettings() first.
 *
 * @param file the file named on the command line; if undefined, the environment may name one
 * @throws {MigrationError} ERR_CONFIG naming what cannot be used, and where it is
 */
export function readSettings(file: string | undefined, env: Env): Setting[] {
  const path = file ?? (env[variableOf('config')] || undefined)
  return [...fromEnv(env), ...(path === undefined ? [] : fromFile(path))]
}

/** @throws {MigrationError} ERR_CONFIG */
export function booleanOf({ name, values, origin }: Setting): boolean {
  const [text, ...others] = values
  if (others.length === 0 && /^(true|yes|on|1)$/i.test(text)) return true
  if (others.length === 0 && /^(false|no|off|0)$/i.test(text)) return false
  throw cannotUse(name, origin, 'it is neither true nor false')
}

export function cannotUse(name: string, origin: string, why: string): MigrationError {
  return new MigrationError('ERR_CONFIG', `Cannot use "${name}" of ${origin}: ${why}`)
}

function fromEnv(env: Env): Setting[] {
  return Object.entries(env).flatMap(([variable, text]) => {
    if (!variable.startsWith(ENV_PREFIX) || text === undefined || text === '') return []
    const name = variable.slice(ENV_PREFIX.length).toLowerCase().replaceAll('_', '-')
    if (name === 'config' || HOOK_NAMES.includes(name) || SERVICE_NAME.test(name)) return []
    assertKnown(name, variable, 'the environment')
    const origin = `the environment variable ${variable}`
    return [settingOf(name, text.startsWith('[') ? yaml(text, origin) : text, origin)]
  })
}

function fromFile(path: string): Setting[] {
  const origin = `the configuration "${path}"`
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new MigrationError('ERR_CONFIG', `Cannot read ${origin}: ${(cause as Error).message}`, { cause })
  }
  const found = yaml(text, origin)
  if (found === null || found === '') return []
  if (typeof found !== 'object' || Array.isArray(found)) {
    throw new MigrationError('ERR_CONFIG', `Cannot read ${origin}: it is not a map of options to values`)
  }
  return Object.entries(found).flatMap(([name, value]) => {
    assertKnown(name, name, origin)
    return value === '' ? [] : [settingOf(name, value, origin)]
  })
}

function settingOf(name: string, value: unknown, origin: string): Setting {
  const isList = Array.isArray(value)
  const values: unknown[] = isList ? value : [value]
  if (values.every((each) => typeof each === 'string')) return { name, values, isList, origin }
  throw cannotUse(name, origin, 'give a text, a number, true or false, or a list of these')
}

function yaml(text: string, origin: string): unknown {
  assert(plainYaml !== null, () => 'settings are read before they are prepared')
  try {
    return plainYaml(text)
  } catch (cause) {
    throw new MigrationError('ERR_CONFIG', `Cannot read ${origin}: ${(cause as Error).message}`, { cause })
  }
}

function assertKnown(name: string, shown: string, origin: string): void {
  const base = name.replace(/^no-/, '')
  if (OPTION_NAMES.includes(name) || OPTION_NAMES.includes(base) || OPTION_NAMES.includes(`no-${name}`)) return
  const near = nearest(name, OPTION_NAMES)
  const like = origin === 'the environment' ? variableOf(near) : near
  throw new MigrationError('ERR_CONFIG', `Cannot use "${shown}" of ${origin}: no option has this name`, {
    hint: `The nearest one is "${like}"; names are those of the command line, without the dashes before them`,
  })
}

/** The name among these that needs the fewest edits. */
function nearest(name: string, names: readonly string[]): string {
  let best = { name: names[0], changes: Number.POSITIVE_INFINITY }
  for (const each of names) {
    const changes = editDistance(name, each)
    if (changes < best.changes) best = { name: each, changes }
  }
  return best.name
}

/** How many letters to insert, delete or replace. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1))
    }
    row = next
  }
  return row[to.length]
}
