import { itemOf } from '../../src/bytes/byte-list.js'
import { RunMerge, type Segment } from '../../src/run/run-merge.js'
import { rowsWritten, type WrittenRow } from './run-rows.js'

/** A group's rows of a merge, given how many each segment has, and how many rows were before each entry point. */
export function mergedRows(
  merge: RunMerge,
  counts: readonly number[],
  blockBytes = 1 << 30,
): { rows: WrittenRow[]; entries: WrittenRow[] } {
  const given = counts.filter((count) => count !== 0)
  const { list, ends } = merge.groupList(given.length)
  list.set(given.flatMap((count) => [3, 4, count]))
  ends.set(counts.map((_, segment) => counts.slice(0, segment + 1).filter((count) => count !== 0).length))
  const { rows, section } = rowsWritten((out, notes) => merge.toRun(out, notes, blockBytes))
  if (section.a[0] !== 3 || section.b[0] !== 4 || section.counts[0] !== rows.length) throw new Error('Another group')
  const places = new Map<number, number>()
  let bytes = 0
  for (const [row, { index }] of rows.entries()) {
    places.set(bytes, row)
    bytes += 34 + index.length
  }
  const entries = [...section.entryStarts].map((start, entry) => ({
    index: Buffer.from(itemOf(section.entryKeys, entry)),
    owner: places.get(start) ?? -1,
  }))
  return { rows, entries }
}

/** The rows of a group in one run. */
export function rowsOf(segment: Segment, count: number): WrittenRow[] {
  const merge = new RunMerge([segment])
  try {
    return mergedRows(merge, [count]).rows
  } finally {
    merge.close()
  }
}
