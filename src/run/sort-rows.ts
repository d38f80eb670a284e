import type { KernelIndexRows } from '../kernel/index-rows.js'
import { kernel } from '../kernel/kernel.js'
import type { GroupRows } from './run-merge.js'

/** Takes the sorted rows of one group after another. */
export interface SortedGroups extends GroupRows {
  beginGroup(group: number, second: number): void
  endGroup(): void
}

/**
 * Sorts rows, and hands them on with an entry point every `blockBytes` bytes of a group.
 *
 * @param buids where the buids of the owners are in the kernel's memory, 32 bytes for each
 */
export function writeSorted(
  rows: KernelIndexRows,
  groups: Int32Array,
  buids: number,
  to: SortedGroups,
  blockBytes: number,
): void {
  const { calls, merges } = kernel()
  sortRows(rows, groups)
  merges.set(rows.at, {
    refill: () => 0,
    takeRows: (at, bytes, count) => to.rows(kernel().mem.subarray(at, at + bytes), count),
    enterRow: (key, keyBytes) => to.entry(kernel().mem, key, key + keyBytes),
  })
  try {
    for (const [rank, group] of groups.entries()) {
      to.beginGroup(group, -1)
      calls.writeSorted(rows.at, rank, buids, blockBytes)
      to.endGroup()
    }
  } finally {
    merges.delete(rows.at)
  }
}

/**
 * Sorts rows by the rank of their group, then by their index bytes in LMDB's order (memcmp, shorter first). Rows of equal
 * index stay in the order in which they were added, which is buid order. The kernel sorts, and remembers one order.
 *
 * @param groups those that have rows, in order
 */
function sortRows(rows: KernelIndexRows, groups: Int32Array): void {
  const { calls } = kernel()
  const at = calls.groupRanks(groups.reduce((most, group) => Math.max(most, group + 1), 0))
  const { view } = kernel()
  for (let rank = 0; rank < groups.length; rank++) view.setUint32(at + 4 * groups[rank], rank, true)
  calls.sortRows(rows.at, groups.length)
}
