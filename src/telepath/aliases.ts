import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { BadUrl } from './errors.js'
import { parseUrl, type TelepathUrl } from './url.js'

/** Parses a url, or the alias of one in `aliases.yaml`: an exact name, or one that ends at the first `/`. */
export function resolveUrl(text: string): TelepathUrl {
  return parseUrl(text.includes('://') ? text : aliased(text))
}

/** Whether a text is a url, or an alias of one. */
export function isTelepath(text: string): boolean {
  return text.includes('://') || readAliases().has(text.split('/', 1)[0]) || readAliases().has(text)
}

/** Synapse's own directory: `SYN_DIR`, else `~/.syn`. */
export function synDir(): string {
  return process.env.SYN_DIR ?? join(homedir(), '.syn')
}

function aliased(text: string): string {
  const aliases = readAliases()
  const whole = aliases.get(text)
  if (whole !== undefined) return whole
  const slash = text.indexOf('/')
  const url = slash < 0 ? undefined : aliases.get(text.slice(0, slash))
  // A text without "://" may be anything, a password too: it is not repeated.
  if (url === undefined) throw new BadUrl(`Cannot use the url: it has no "://" and is no alias in ${aliasFile()}`)
  return `${url}${text.slice(slash)}`
}

function readAliases(): Map<string, string> {
  let text: string
  try {
    text = readFileSync(aliasFile(), 'utf8')
  } catch {
    return new Map()
  }
  const found: unknown = parse(text)
  if (typeof found !== 'object' || found === null) return new Map()
  return new Map(Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

function aliasFile(): string {
  return join(synDir(), 'aliases.yaml')
}
