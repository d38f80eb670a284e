import { InvalidArgumentError } from 'commander'
import { MigrationError } from '../errors.js'
import { type ConfigInput, envName } from '../sync/cell/config.js'
import type { ParsedLog } from './log-options.js'

export const DEFAULT_TELEPATH = 'tcp://0.0.0.0:27492'
export const DEFAULT_HTTPS = 4443

/** The options as commander leaves them. */
export interface ParsedSync extends ParsedLog {
  telepath?: string
  https?: number | 'none'
  name?: string
  src?: string
  dest?: string
  offsfile?: string
  poll_s?: number
  err_lim?: number
  queue_size?: number
  offs_logging?: number
  authPasswd?: string
  nexslogEn?: boolean
  modelSync?: string
  migrationMode: boolean
  start?: 'file' | 'last'
  untilCaughtUp?: boolean
  json?: boolean
}

/** Options that are configuration keys. */
export function configOf(parsed: ParsedSync): ConfigInput {
  return {
    src: parsed.src,
    dest: parsed.dest,
    offsfile: parsed.offsfile,
    poll_s: parsed.poll_s,
    err_lim: parsed.err_lim,
    queue_size: parsed.queue_size,
    offs_logging: parsed.offs_logging,
    'auth:passwd': parsed.authPasswd,
    'nexslog:en': parsed.nexslogEn,
    model_sync: parsed.modelSync,
    no_migration_mode: parsed.migrationMode ? undefined : true,
  }
}

export function addresses(parsed: ParsedSync): { telepath: string; https: number | null; name: string | undefined } {
  const env = (key: string) => process.env[envName(key)]?.trim() || undefined
  const https = env('https')
  if (https !== undefined && !isPort(https)) {
    throw new MigrationError('ERR_CONFIG', `Cannot use ${envName('https')}: it is no port number and not none`)
  }
  const port = parsed.https ?? (https === undefined ? DEFAULT_HTTPS : portOf(https))
  return {
    telepath: parsed.telepath ?? env('telepath') ?? DEFAULT_TELEPATH,
    https: port === 'none' ? null : port,
    name: parsed.name ?? env('name'),
  }
}

/** A port, or `none`: commander makes an empty text of null. */
export function portOf(text: string): number | 'none' {
  if (!isPort(text)) throw new InvalidArgumentError('it is no port, 0 to 65535, and not none')
  return text === 'none' ? text : Number(text)
}

function isPort(text: string): boolean {
  return text === 'none' || (/^\d{1,5}$/.test(text) && Number(text) <= 65535)
}
