import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { InvalidArgumentError } from 'commander'
import { MigrationError } from '../errors.js'
import type { ConfigInput } from '../sync/cell/config.js'
import { envName } from '../sync/cell/env-name.js'
import type { HttpsAddress } from '../sync/http/status-server.js'
import type { ParsedLog } from './log-options.js'

export const DEFAULT_TELEPATH = 'tcp://0.0.0.0:27492'
export const DEFAULT_HTTPS = 4443

/** Where the status page listens if the option has no host. */
const ALL_HOSTS = '0.0.0.0'

/** The options as commander leaves them. */
export interface ParsedSync extends ParsedLog {
  telepath?: string
  https?: HttpsAddress | 'none'
  name?: string
  src?: string
  dest?: string
  offsfile?: string
  poll_s?: number
  err_lim?: number
  skipLayer?: string[]
  queue_size?: number
  queueBytes?: number
  offs_logging?: number
  authPasswd?: string
  authPasswdFile?: string
  messageBytes?: string
  nexslogEn?: boolean
  modelSync?: string
  migrationMode: boolean
  start?: 'file' | 'last'
  untilCaughtUp?: boolean
  stop?: boolean
  json?: boolean
}

/** The options that are configuration keys. */
export function configOf(parsed: ParsedSync): ConfigInput {
  return {
    src: parsed.src,
    dest: parsed.dest,
    offsfile: parsed.offsfile,
    poll_s: parsed.poll_s,
    err_lim: parsed.err_lim,
    skip_layers: parsed.skipLayer,
    queue_size: parsed.queue_size,
    queue_bytes: parsed.queueBytes,
    offs_logging: parsed.offs_logging,
    'auth:passwd': parsed.authPasswd ?? passwdIn(parsed.authPasswdFile),
    message_bytes: parsed.messageBytes,
    'nexslog:en': parsed.nexslogEn,
    model_sync: parsed.modelSync,
    no_migration_mode: parsed.migrationMode ? undefined : true,
  }
}

export function addresses(parsed: ParsedSync): {
  telepath: string
  https: HttpsAddress | null
  name: string | undefined
} {
  const env = (key: string) => process.env[envName(key)]?.trim() || undefined
  const https = env('https')
  const found = https === undefined ? { host: ALL_HOSTS, port: DEFAULT_HTTPS } : addressIn(https)
  if (found === null) {
    throw new MigrationError('ERR_CONFIG', `Cannot use ${envName('https')}: it is neither a port, HOST:PORT nor none`)
  }
  const at = parsed.https ?? found
  return {
    telepath: parsed.telepath ?? env('telepath') ?? DEFAULT_TELEPATH,
    https: at === 'none' ? null : at,
    name: parsed.name ?? env('name'),
  }
}

/** `PORT`, `HOST:PORT` or `none`. Not null, because commander turns null into an empty text. */
export function httpsOf(text: string): HttpsAddress | 'none' {
  const found = addressIn(text)
  if (found === null) throw new InvalidArgumentError('it is not a port, 0 to 65535, no HOST:PORT, and not none')
  return found
}

/** The address as an operator writes it. */
export function httpsText({ host, port }: HttpsAddress): string {
  if (host === ALL_HOSTS) return String(port)
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

function addressIn(text: string): HttpsAddress | 'none' | null {
  if (text === 'none') return text
  const [, inBrackets, named, digits] = /^(?:(?:\[([^\]]+)\]|([^:[\]/@]+)):)?(\d{1,5})$/.exec(text) ?? []
  if (digits === undefined || Number(digits) > 65535) return null
  if (inBrackets !== undefined && isIP(inBrackets) !== 6) return null
  return { host: inBrackets ?? named ?? ALL_HOSTS, port: Number(digits) }
}

/** Reads a password from the first line of a file, because everyone on the machine can see arguments. */
function passwdIn(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new MigrationError('ERR_CONFIG', `Cannot read the password in "${file}": ${(cause as Error).message}`, {
      cause,
    })
  }
  const [passwd] = text.split(/\r?\n/, 1)
  if (passwd !== '') return passwd
  throw new MigrationError('ERR_CONFIG', `Cannot use the password in "${file}": its first line is empty`)
}
