import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SlabReader } from '../page/page-reader.js'
import type { Report } from './report-schema.js'

/** They change whenever somebody looks, or are what the hashes go into. */
const LEFT_OUT = new Set(['lock.mdb', 'run.lock', 'runs.json', 'report.json', 'report.html'])

/**
 * Hashes all files of a destination. Of a slab it hashes the pages in use: behind them the file is empty, and mostly a
 * hole. `head -c BYTES FILE | sha256sum` gives the same.
 */
export async function hashFiles(destDir: string): Promise<NonNullable<Report['sha256']>> {
  const hashes = []
  const paths = readdirSync(destDir, { recursive: true, encoding: 'utf8' }).sort()
  for (const path of paths) {
    const file = join(destDir, path)
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (LEFT_OUT.has(name) || !statSync(file, { throwIfNoEntry: false })?.isFile()) continue
    const bytes = name === 'data.mdb' ? usedBytes(dirname(file)) : statSync(file).size
    hashes.push({ path, bytes, sha256: await sha256(file, bytes) })
  }
  return hashes
}

function usedBytes(slabDir: string): number {
  const slab = SlabReader.open(slabDir)
  try {
    return Math.min((slab.lastPage + 1) * slab.pageSize, statSync(slab.path).size)
  } finally {
    slab.close()
  }
}

async function sha256(file: string, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  if (bytes > 0) for await (const piece of createReadStream(file, { end: bytes - 1 })) hash.update(piece)
  return hash.digest('hex')
}
