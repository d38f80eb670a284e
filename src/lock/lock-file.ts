import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Identity } from './identity.js'

/**
 * The text of a lock: a line of JSON that says who holds it, and a line with the number of the last heartbeat, always of the
 * same length. This file alone knows the format, and `heartbeat-thread.ts` what it is handed.
 */
export interface LockFile {
  readonly name: string
  readonly text: string
  /** No two locks have the same one: random, or a digest of a text that is no lock's. */
  readonly token: string
  /** Null for a text that names nobody, as a file that was cut short. */
  readonly holder: Identity | null
}

const BEAT_DIGITS = 16

/** What a new lock's file holds, and where its heartbeats are written. */
export function newLockText(holder: Identity): { text: string; token: string; beatOffset: number } {
  const token = randomBytes(16).toString('hex')
  const line = `${JSON.stringify({ token, ...holder })}\n`
  return { text: `${line}${beatText(0)}\n`, token, beatOffset: Buffer.byteLength(line) }
}

/** A heartbeat as it is written over the last one. */
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
