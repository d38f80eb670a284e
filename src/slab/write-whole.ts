import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

/** Writes a file that is there as a whole or not at all, whatever happens meanwhile; see `copyWhole()`. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  whole(path, (part) => writeFileSync(part, content, { flag: 'wx' }))
}

/**
 * Copies a file so that it is there as a whole or not at all. It gets mode 0600: what a Cortex keeps beside its slabs are
 * secrets more often than not.
 */
export function copyWhole(source: string, dest: string): void {
  whole(dest, (part) => copyFileSync(source, part, constants.COPYFILE_EXCL))
}

function whole(path: string, make: (part: string) => void): void {
  const part = `${path}.part`
  rmSync(part, { recursive: true, force: true })
  make(part)
  chmodSync(part, 0o600)
  syncPath(part)
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) rmSync(path, { recursive: true })
  renameSync(part, path)
}

/** Makes a file durable, or the names in a directory. */
export function syncPath(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Makes all files and names below a directory durable; what is so already costs next to nothing. */
export function syncTree(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) syncTree(path)
    else if (entry.isFile()) syncPath(path)
  }
  syncPath(dir)
}
