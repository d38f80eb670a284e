import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { BadUrl } from './errors.js'
import { parseUrl, type TelepathUrl } from './url.js'

/** Parses a url, or the alias of one in `aliases.yaml`. */
export function resolveUrl(text: string): TelepathUrl {
  if (text.includes('://')) return parseUrl(text)
  const url = urlOfAlias(text)
  // Text without "://" may be anything, even a password, so do not repeat it.
  if (url === undefined) throw new BadUrl(`Cannot use the url: it has no "://" and is no alias in ${aliasFile()}`)
  return parseUrl(url)
}

/** Whether a text is a url, or an alias of one. True when the aliases cannot be read: using it then reports why. */
export function isTelepath(text: string): boolean {
  if (text.includes('://')) return true
  try {
    return urlOfAlias(text) !== undefined
  } catch {
    return true
  }
}

/** Synapse's own directory: `SYN_DIR`, else `~/.syn`. */
export function synDir(): string {
  return process.env.SYN_DIR ?? join(homedir(), '.syn')
}

/** Either the whole text is an alias, or the part before its first `/`; the rest is then added to the url. */
function urlOfAlias(text: string): string | undefined {
  const aliases = readAliases()
  const [name] = text.split('/', 1)
  const url = aliases.get(name)
  return aliases.get(text) ?? (url === undefined ? undefined : `${url}${text.slice(name.length)}`)
}

function readAliases(): Map<string, string> {
  let text: string
  try {
    text = readFileSync(aliasFile(), 'utf8')
  } catch {
    return new Map()
  }
  const found = parsed(text)
  if (typeof found !== 'object' || found === null) return new Map()
  return new Map(Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

/** @throws {BadUrl} */
function parsed(text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    // After its first line, a YAML error quotes the text, which may be a password.
    const [reason] = (error as Error).message.split('\n', 1)
    throw new BadUrl(`Cannot look for an alias in ${aliasFile()}: ${reason.replace(/:$/, '')}`)
  }
}

function aliasFile(): string {
  return join(synDir(), 'aliases.yaml')
}
