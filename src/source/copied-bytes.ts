import { statSync } from 'node:fs'
import type { SlabReader } from '../page/page-reader.js'
import { readSettled } from '../slab/read-settled.js'
import { copiedFiles } from './copied-files.js'

/** How many bytes step dirn copies. For slabs, which are sparse files, counts only the pages in use. */
export function copiedBytes(srcDir: string): number {
  let bytes = 0
  for (const { kind, path } of copiedFiles(srcDir)) {
    if (kind === 'file') bytes += statSync(path).size
    else if (kind === 'slab') bytes += usedBytes(path)
  }
  return bytes
}

function usedBytes(path: Buffer): number {
  const text = path.toString()
  // We open slabs by text paths. If a path is not valid text, its slab counts with its holes.
  if (!Buffer.from(text).equals(path)) return statSync(Buffer.concat([path, Buffer.from('/data.mdb')])).size
  return readSettled(text, (slab: SlabReader) => (slab.lastPage + 1) * slab.pageSize)
}
