import { RunMerge, type Segment } from '../../src/run/run-merge.js'

export interface MergedRow {
  readonly index: Buffer
  /** The number that `buidsOf()` makes a buid of. */
  readonly owner: number
}

/** The next group's rows of a merge, and how many rows were before each entry point. */
export function mergedRows(merge: RunMerge, blockBytes = 1 << 30): { rows: MergedRow[]; entries: MergedRow[] } {
  const rows: MergedRow[] = []
  const entries: MergedRow[] = []
  const to = {
    entry: (buf: Uint8Array, start: number, end: number) => {
      entries.push({ index: Buffer.from(buf.subarray(start, end)), owner: rows.length })
    },
    rows: (bytes: Uint8Array, count: number) => {
      const buf = Buffer.from(bytes)
      const before = rows.length
      for (let at = 0; at < buf.length; ) {
        const end = at + 2 + buf.readUInt16LE(at)
        rows.push({ index: buf.subarray(at + 2, end), owner: buf.readUInt32BE(end) })
        at = end + 32
      }
      if (rows.length - before !== count) throw new Error(`${rows.length - before} rows in place of ${count}`)
    },
  }
  merge.toRows(to, blockBytes)
  return { rows, entries }
}

/** The rows of a group in one run. */
export function rowsOf(segment: Segment, count: number): MergedRow[] {
  const merge = new RunMerge([segment])
  try {
    merge.take(0, count)
    return mergedRows(merge).rows
  } finally {
    merge.close()
  }
}
