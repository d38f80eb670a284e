import { resolve } from 'node:path'
import { MigrationError } from '../errors.js'

/** What an error says of damage below a directory; null when it is about something else. */
export function damageOf(error: unknown, dir: string): string | null {
  if (!(error instanceof MigrationError) || error.path === undefined) return null
  const isDamage = error.code === 'ERR_SLAB_CORRUPT' || error.code === 'ERR_SLAB_FORMAT'
  return isDamage && `${resolve(error.path)}/`.startsWith(`${resolve(dir)}/`) ? error.message : null
}
