import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseDocument } from 'yaml'
import * as z from 'zod'
import { parseBytes } from '../../bytes/size-text.js'
import { MigrationError } from '../../errors.js'
import type { SyncConfig } from '../api.js'
import { envName } from './env-name.js'

/** A number of bytes, or text such as `256M`. The minimum is the longest message that is not a splice. */
const byteCount = z
  .union([z.number(), z.string()])
  .transform((given) => parseBytes(String(given)) ?? Number.NaN)
  .pipe(
    z
      .int()
      .min(2 ** 20)
      .max(2 ** 32 - 1),
  )

/** Configuration keys, as named in `cell.yaml`, the environment and the command line. */
const keys = z.strictObject({
  src: z.string().optional(),
  dest: z.string().optional(),
  offsfile: z.string().optional(),
  poll_s: z.number().positive().default(60),
  err_lim: z.int().min(-1).default(10),
  skip_layers: z.array(z.string()).default([]),
  queue_size: z.int().min(1).default(100_000),
  queue_bytes: z
    .int()
    .min(1)
    .default(64 << 20),
  offs_logging: z.int().min(0).default(10_000_000),
  message_bytes: byteCount.default(256 * 2 ** 20),
  'auth:passwd': z.string().min(1).optional(),
  'nexslog:en': z.boolean().default(false),
  model_sync: z.enum(['add', 'off']).default('add'),
  no_migration_mode: z.boolean().default(false),
})

export type ConfigKey = keyof z.infer<typeof keys>
export type ConfigInput = Partial<Record<ConfigKey, unknown>>

/** The configuration, plus the password of the service's root user, which we never show. */
export interface CellConfig extends SyncConfig {
  readonly authPasswd: string | undefined
  /** Longest message that a Cortex may send. */
  readonly messageBytes: number
}

/** Text keys. If YAML reads their value as a number (a password such as 12345), we take the text as written. */
const TEXTS: readonly string[] = ['src', 'dest', 'offsfile', 'auth:passwd'] satisfies ConfigKey[]

/**
 * Merges command line, environment and `cell.yaml` (the first that sets a key wins), and checks the result.
 *
 * @throws {MigrationError} ERR_CONFIG naming the key, where it was set and what is wrong with it, but never its value
 */
export function readConfig(
  dirn: string,
  commandLine: ConfigInput,
  env: Readonly<Record<string, string | undefined>>,
): CellConfig {
  const file = join(dirn, 'cell.yaml')
  const layers = [
    { origin: 'the command line', values: commandLine as Record<string, unknown> },
    { origin: 'the environment', values: fromEnv(env) },
    { origin: file, values: fromFile(file) },
  ]
  const merged: Record<string, unknown> = {}
  const origins = new Map<string, string>()
  for (const { origin, values } of layers) {
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined || value === null || origins.has(key)) continue
      merged[key] = value
      origins.set(key, origin)
    }
  }
  const result = keys.safeParse(merged)
  if (!result.success) throw refused(result.error.issues[0], origins)
  const found = result.data
  return {
    src: found.src,
    dest: found.dest,
    offsfile: found.offsfile,
    pollS: found.poll_s,
    errLim: found.err_lim,
    skipLayers: found.skip_layers,
    queueSize: found.queue_size,
    queueBytes: found.queue_bytes,
    offsLogging: found.offs_logging,
    modelSync: found.model_sync,
    noMigrationMode: found.no_migration_mode,
    authPasswd: found['auth:passwd'],
    messageBytes: found.message_bytes,
  }
}

function fromEnv(env: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const key of Object.keys(keys.shape)) {
    const text = env[envName(key)]
    if (text === undefined) continue
    const parsed = yaml(text, `the environment variable ${envName(key)}`)
    values[key] = TEXTS.includes(key) && typeof parsed !== 'string' ? text.trim() : parsed
  }
  return values
}

function fromFile(file: string): Record<string, unknown> {
  if (!existsSync(file)) return {}
  const text = readFileSync(file, 'utf8')
  const found = yaml(text, file)
  if (found === null) return {}
  if (typeof found !== 'object' || Array.isArray(found)) {
    throw new MigrationError('ERR_CONFIG', `Cannot read the configuration "${file}": it is not a map of keys to values`)
  }
  const texts = parseDocument(text, { schema: 'failsafe' }).toJS() as Record<string, unknown>
  const values = found as Record<string, unknown>
  for (const key of TEXTS) if (key in values && values[key] !== null) values[key] = texts[key]
  return values
}

function yaml(text: string, where: string): unknown {
  try {
    // Python reads YAML 1.1, with yes and no as booleans. Configurations of a reference service must keep their
    // meaning.
    return parse(text, { version: '1.1', prettyErrors: false }) as unknown
  } catch {
    // The parser's own message may quote a password.
    throw new MigrationError('ERR_CONFIG', `Cannot read the configuration in ${where}: it is not YAML`)
  }
}

function refused(issue: z.core.$ZodIssue, origins: ReadonlyMap<string, string>): MigrationError {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const key = unknown ?? String(issue.path[0])
  const origin = origins.get(key) ?? 'the configuration'
  const what = unknown === undefined ? issue.message.replace(/^Invalid input: /, '') : 'no such key'
  const hint = unknown === undefined ? undefined : `known keys: ${Object.keys(keys.shape).join(', ')}`
  return new MigrationError(
    'ERR_CONFIG',
    `Cannot use "${key}" of ${origin}: ${what}`,
    hint === undefined ? {} : { hint },
  )
}
