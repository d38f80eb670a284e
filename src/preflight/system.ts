import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs'

/** What the system allows; tests give other answers. */
export interface System {
  /** How much may be written below a directory. */
  freeBytes(dir: string): number
  /** How many files the process may have open; null when that is unknown. */
  openFiles(): number | null
  /** Whose process this is, and whose a file is. */
  uid(): number
  ownerOf(path: string): number
  canWrite(dir: string): boolean
}

export const system: System = {
  freeBytes: freeBytesOf,
  openFiles: openFilesLimit,
  uid: () => process.getuid?.() ?? 0,
  ownerOf: (path) => statSync(path).uid,
  canWrite: (dir) => isAllowed(dir, constants.W_OK | constants.X_OK),
}

function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

/** The hard limit: Node raises the soft one to it when it starts. */
function openFilesLimit(): number | null {
  if (!existsSync('/proc/self/limits')) return null
  const found = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return found === undefined || found === 'unlimited' ? null : Number(found)
}

function freeBytesOf(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}
