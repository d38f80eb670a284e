import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SlabReader } from '../page/page-reader.js'
import { readSettled } from './read-settled.js'

/** Bytes of all files below a directory; of slabs, which are sparse files, only the pages in use. */
export function slabBytes(dir: string): number {
  if (!existsSync(dir)) return 0
  let bytes = 0
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (!entry.isDirectory()) bytes += entry.isFile() ? statSync(path).size : 0
    else if (entry.name.endsWith('.lmdb') && SlabReader.exists(path))
      bytes += readSettled(path, (slab) => (slab.lastPage + 1) * slab.pageSize)
    else bytes += slabBytes(path)
  }
  return bytes
}
