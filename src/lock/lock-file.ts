import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Identity } from './identity.js'

/**
 * The text of a lock: a line of JSON that names the holder, and a line with the number of the last heartbeat, always of
 * the same length. Only this file knows the format (`heartbeat-thread.ts` gets its parts as data).
 */
export interface LockFile {
  readonly name: string
  readonly text: string
  /** Unique to this lock: random, or a digest of the text if it is not a valid lock. */
  readonly token: string
  /** Null when the text names no holder, for example because it was cut short. */
  readonly holder: Identity | null
}

const BEAT_DIGITS = 16

/** The content of a new lock file, and where to write its heartbeats. */
export function newLockText(holder: Identity): { text: string; token: string; beatOffset: number } {
  const token = randomBytes(16).toString('hex')
  const line = `${JSON.stringify({ token, ...holder })}\n`
  return { text: `${line}${beatText(0)}\n`, token, beatOffset: Buffer.byteLength(line) }
}

/** A heartbeat, to write over the one before. */
export function beatText(beat: number): string {
  return String(beat).padStart(BEAT_DIGITS, '0')
}

/** Null when there is no such file. */
export function readLockFile(name: string): LockFile | null {
  let text: string
  try {
    text = readFileSync(name, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  return { name, text, ...(parsed(text) ?? { token: createHash('sha256').update(text).digest('hex'), holder: null }) }
}

function parsed(text: string): { token: string; holder: Identity } | null {
  try {
    const { token, ...holder } = JSON.parse(text.slice(0, text.indexOf('\n') + 1))
    const isHolder = [holder.host, holder.bootId, holder.pidNamespace, holder.startTicks].every(isText)
    return isHolder && /^[0-9a-f]{32}$/.test(token) && Number.isSafeInteger(holder.pid) ? { token, holder } : null
  } catch {
    return null
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
