import { resolve } from 'node:path'
import { MsgpackError } from '../bytes/msgpack.js'
import { type ErrorCode, MigrationError } from '../errors.js'

const DAMAGE: readonly ErrorCode[] = ['ERR_SLAB_CORRUPT', 'ERR_SLAB_FORMAT', 'ERR_CHECKPOINT_MISMATCH']

/** What an error says about damage of a destination; null when it is about something else. */
export function damageOf(error: unknown, destDir: string): string | null {
  if (!(error instanceof MigrationError) || !DAMAGE.includes(error.code)) return null
  const isBelow = error.path !== undefined && `${resolve(error.path)}/`.startsWith(`${resolve(destDir)}/`)
  return isBelow ? error.message : null
}

/** Like damageOf(), for code that reads only the destination: anything that cannot be decoded is damage. */
export function destDamageOf(error: unknown): string | null {
  if (error instanceof MsgpackError) return `It cannot be decoded: ${error.message}`
  return error instanceof MigrationError && DAMAGE.includes(error.code) ? error.message : null
}
