import { hexBytes } from '../../bytes/hex.js'
import { MERGE_STREAMS } from '../layer-merge.js'
import type { StreamTasks } from '../stream-task.js'
import type { MergeUnit, NodedataInput } from '../tasks/merge-runs.js'
import type { NodeExtractInput } from '../tasks/node-extract.js'
import type { SpliceRangeInput } from '../tasks/splice-range.js'
import { streamKey } from './stream-file.js'

/** The steps whose work parts share. */
export const PART_STEPS = ['extract', 'merge', 'splices'] as const

export type PartStep = (typeof PART_STEPS)[number]

/** The step that a task belongs to. */
export const STEP_OF_TASK: Readonly<Record<keyof StreamTasks, PartStep>> = {
  extractNodes: 'extract',
  mergeRuns: 'merge',
  copyNodedata: 'merge',
  extractSpliceRange: 'splices',
}

/** The number of a piece of work in its step: a partition, a unit of the merge, or a range of splices. */
export function pieceOf(task: keyof StreamTasks, stream: number, input: object): number {
  // A partition that is translated again gets a new stream.
  if (task === 'extractNodes') return (input as NodeExtractInput).partition
  return task === 'extractSpliceRange' ? stream : stream - MERGE_STREAMS
}

/** What two processes have to agree on for the pages of a piece to be the same. Paths differ between hosts. */
export function pieceKey(task: keyof StreamTasks, input: object): bigint {
  if (task === 'mergeRuns') {
    const { a, b, range, parts } = input as MergeUnit
    const borders = range === null ? [] : [hexOf(range.gte), hexOf(range.lt)]
    return streamKey(
      task,
      [a, b, borders],
      parts.map(({ start, end, groups, counts }) => [start, end, groups, counts]),
    )
  }
  if (task === 'copyNodedata') {
    const { parts } = input as Pick<NodedataInput, 'parts'>
    return streamKey(
      task,
      parts.map(({ start, end, abrvs }) => [start, end, abrvs]),
    )
  }
  const { start, end } = input as Pick<NodeExtractInput | SpliceRangeInput, 'start' | 'end'>
  return streamKey(task, hexOf(start), hexOf(end))
}

/** Bytes may be a view of one class or another, which must not matter. */
function hexOf(border: Uint8Array | number | null): string | number | null {
  return border instanceof Uint8Array ? hexBytes(border) : border
}

/** The file of a piece in the directory of its part. */
export function streamName(piece: number): string {
  return `${String(piece).padStart(6, '0')}.stream`
}
