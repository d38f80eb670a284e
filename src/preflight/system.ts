import { constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { mayAccess } from '../file/at-path.js'
import { loadLmdb } from '../slab/binding.js'

/** `f_type` of statfs(2); ext2 and ext3 share the number of ext4. */
const EXT4 = 0xef53
const FAT = 0x4d44

/** The limits of the system; tests replace it. */
export interface System {
  /** How many bytes can be written below a directory. */
  freeBytes(dir: string): number
  /** How large a file can get below a directory; null when unknown. */
  fileBytes(dir: string): number | null
  /** How many files the process may have open; null when unknown. */
  openFiles(): number | null
  /** The user of this process, and the owner of a file. */
  uid(): number
  ownerOf(path: string): number
  canWrite(dir: string): boolean
  /** Rejects with ERR_LMDB_BINDING when the binding cannot be used. */
  loadBinding(): Promise<unknown>
}

export const system: System = {
  freeBytes: freeBytesOf,
  fileBytes: fileBytesOf,
  openFiles: openFilesLimit,
  uid: () => process.getuid?.() ?? 0,
  ownerOf: (path) => statSync(path).uid,
  canWrite: (dir) => mayAccess(dir, constants.W_OK | constants.X_OK),
  loadBinding: loadLmdb,
}

/** The hard limit: Node raises the soft limit to it on startup. */
function openFilesLimit(): number | null {
  if (!existsSync('/proc/self/limits')) return null
  const found = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return found === undefined || found === 'unlimited' ? null : Number(found)
}

/** The limit of file systems that have a low one. */
function fileBytesOf(dir: string): number | null {
  const { type, bsize } = statfsSync(dir)
  // ext4 counts 2^32 blocks, FAT counts bytes.
  if (type === EXT4) return (2 ** 32 - 1) * bsize
  return type === FAT ? 2 ** 32 - 1 : null
}

function freeBytesOf(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}
