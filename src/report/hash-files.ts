import { createHash } from 'node:crypto'
import { createReadStream, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { MigrationError } from '../errors.js'
import { atPath, quoted } from '../file/at-path.js'
import { type FileId, fileId } from '../file/file-id.js'
import { joinPath } from '../file/remove-tree.js'
import { SlabReader } from '../page/page-reader.js'
import type { Report } from './report-schema.js'

/** Excluded: it changes whenever someone opens the slab. */
const LOCK = /(^|\/)lock\.mdb$/
/** Excluded: the files that hold the hashes, and the log with its older files, which grows in the meantime. */
const OWN = /^migration\/(run\.lock|runs\.json|report\.json|report\.html|migrate\.log(\.\d+)?)$/

interface FoundFile {
  readonly path: Buffer
  readonly bytes: number
}

/**
 * Hashes all files of a destination, with links followed. Of a slab it hashes only the pages in use, as the rest of the
 * file is empty and mostly a hole. `head -c BYTES FILE | sha256sum` gives the same hash.
 *
 * @throws {MigrationError} ERR_PREFLIGHT when it cannot tell what is at a path
 */
export async function hashFiles(destDir: string): Promise<NonNullable<Report['sha256']>> {
  const hashes = []
  const top = Buffer.from(destDir)
  for (const file of filesBelow(top, [])) {
    const below = file.path.subarray(top.length + 1)
    const name = below.toString('latin1')
    if (LOCK.test(name) || OWN.test(name)) continue
    const bytes = /(^|\/)data\.mdb$/.test(name) ? usedBytes(file) : file.bytes
    hashes.push({ path: shown(below), bytes, sha256: await sha256(file.path, bytes) })
  }
  return hashes
}

/**
 * The file itself, or all files below a directory, in order; names may be any bytes. Skips links that lead nowhere, or
 * to a parent.
 *
 * @param above the directories above it
 */
function* filesBelow(path: Buffer, above: readonly FileId[]): Generator<FoundFile> {
  const found = atPath(path)
  if (found.kind === 'absent' || found.kind === 'other') return
  if (found.kind === 'unreachable') {
    if (found.why === 'link') return
    throw new MigrationError('ERR_PREFLIGHT', `Cannot hash ${quoted(path)}: ${found.reason}`, { hint: found.hint })
  }
  if (found.kind === 'file') {
    yield { path, bytes: found.stats.size }
    return
  }
  const id = fileId(path)
  if (above.some(({ dev, inode }) => dev === id.dev && inode === id.inode)) return
  for (const name of readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare)) {
    yield* filesBelow(joinPath(path, name), [...above, id])
  }
}

/** A path with bytes that are not UTF-8 as `\xe9`. */
function shown(path: Buffer): string {
  return quoted(path).slice(1, -1)
}

function usedBytes({ path, bytes }: FoundFile): number {
  const text = path.toString()
  // We open slabs by text paths. If a path is not valid text, hash the slab with its holes.
  if (!Buffer.from(text).equals(path)) return bytes
  const slab = SlabReader.open(dirname(text))
  try {
    return Math.min((slab.lastPage + 1) * slab.pageSize, bytes)
  } finally {
    slab.close()
  }
}

async function sha256(file: Buffer, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  if (bytes > 0) for await (const piece of createReadStream(file, { end: bytes - 1 })) hash.update(piece)
  return hash.digest('hex')
}
