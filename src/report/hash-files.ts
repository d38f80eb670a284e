import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { quoted } from '../file/at-path.js'
import { joinPath } from '../file/remove-tree.js'
import { SlabReader } from '../page/page-reader.js'
import type { Report } from './report-schema.js'

/** They change whenever somebody looks, or are what the hashes go into. */
const LEFT_OUT = new Set(['lock.mdb', 'run.lock', 'runs.json', 'report.json', 'report.html'])
/** Grows while the hashes are made, and is renamed when it is long. */
const LOG = 'migrate.log'

/**
 * Hashes all files of a destination. Of a slab it hashes the pages in use: behind them the file is empty, and mostly a
 * hole. `head -c BYTES FILE | sha256sum` gives the same.
 */
export async function hashFiles(destDir: string): Promise<NonNullable<Report['sha256']>> {
  const hashes = []
  for (const file of filesBelow(Buffer.from(destDir))) {
    const name = file.subarray(file.lastIndexOf('/') + 1).toString()
    if (LEFT_OUT.has(name) || name.startsWith(LOG)) continue
    const bytes = name === 'data.mdb' ? usedBytes(dirname(file.toString())) : statSync(file).size
    hashes.push({
      path: shown(file.subarray(Buffer.byteLength(destDir) + 1)),
      bytes,
      sha256: await sha256(file, bytes),
    })
  }
  return hashes
}

/** All files, in order; names may be any bytes. */
function filesBelow(dir: Buffer): Buffer[] {
  const entries = readdirSync(dir, { withFileTypes: true, encoding: 'buffer' })
  return entries
    .sort((a, b) => Buffer.compare(a.name, b.name))
    .flatMap((entry) => {
      const path = joinPath(dir, entry.name)
      return entry.isDirectory() ? filesBelow(path) : [path]
    })
}

/** Bytes that are no UTF-8 as `\xe9`. */
function shown(path: Buffer): string {
  return quoted(path).slice(1, -1)
}

function usedBytes(slabDir: string): number {
  const slab = SlabReader.open(slabDir)
  try {
    return Math.min((slab.lastPage + 1) * slab.pageSize, statSync(slab.path).size)
  } finally {
    slab.close()
  }
}

async function sha256(file: Buffer, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  if (bytes > 0) for await (const piece of createReadStream(file, { end: bytes - 1 })) hash.update(piece)
  return hash.digest('hex')
}
