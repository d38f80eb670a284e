import { closeSync, existsSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { readU48 } from '../../src/page/format.js'
import { SlabReader } from '../../src/page/page-reader.js'

/**
 * Changes one value of a database in its file as a backup of another day would have it: the transaction, the number of rows
 * and the pages stay as they are. Says at which byte of the file, or null when there is no such row.
 *
 * @param place of the row among those whose value lies in a leaf page, as a share of 1
 */
export function alterValue(slabDir: string, db: string, place: number): number | null {
  const at = existsSync(slabDir) ? valuePositions(slabDir, db) : []
  if (at.length === 0) return null
  const position = at[Math.min(at.length - 1, Math.floor(at.length * place))]
  alterByte(`${slabDir}/data.mdb`, position)
  return position
}

/** Turns one bit of a file over. */
export function alterByte(path: string, position: number, bit = 0): void {
  const fd = openSync(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    readSync(fd, byte, 0, 1, position)
    byte[0] ^= 1 << bit
    writeSync(fd, byte, 0, 1, position)
  } finally {
    closeSync(fd)
  }
}

/** Zeroes a part of a file that is there. */
export function zeroBlock(path: string, position: number, bytes: number): void {
  const fd = openSync(path, 'r+')
  try {
    const length = Math.min(bytes, fstatSync(fd).size - position)
    writeSync(fd, Buffer.alloc(length), 0, length, position)
  } finally {
    closeSync(fd)
  }
}

/** Where the last byte of each value lies. */
function valuePositions(slabDir: string, db: string): number[] {
  const slab = SlabReader.open(slabDir)
  try {
    const cursor = slab.db(db)?.cursor()
    const found: number[] = []
    for (let more = cursor?.seek(null) ?? false; more && cursor !== undefined; more = cursor.next()) {
      const { buf, valueBuf, valueStart, valueEnd } = cursor
      if (buf !== valueBuf || valueEnd === valueStart) continue
      const page = Math.floor(valueStart / slab.pageSize) * slab.pageSize
      found.push(readU48(buf, page) * slab.pageSize + valueEnd - 1 - page)
    }
    return found
  } finally {
    slab.close()
  }
}
