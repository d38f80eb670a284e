import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileId } from '../file/file-id.js'

/**
 * Whether a process has an LMDB environment open on a slab: every environment holds a lock on the lock file. We ignore
 * device numbers, which some file systems report differently in /proc/locks. A false hit only costs a copy.
 */
export function isInUse(slabDir: string): boolean {
  const lockPath = join(slabDir, 'lock.mdb')
  if (!existsSync(lockPath) || !existsSync('/proc/locks')) return false
  const { inode } = fileId(lockPath)
  const lines = readFileSync('/proc/locks', 'utf8').split('\n')
  return lines.some((line) => /^\d+: (POSIX|OFDLCK) /.test(line) && line.split(/\s+/)[5]?.split(':')[2] === inode)
}
