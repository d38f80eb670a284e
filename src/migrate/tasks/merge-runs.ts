import type { MessagePort } from 'node:worker_threads'
import { bucketsOf } from '../../bytes/buckets.js'
import { BUID_BYTES } from '../../bytes/buid.js'
import { LeafBuilder } from '../../page/leaf-builder.js'
import { eachNodedata, type NodedataPlace } from '../../run/nodedata-rows.js'
import { RunMerge } from '../../run/run-merge.js'
import { ChunkSender, type Credits } from '../../thread/chunk-sender.js'

/** The work of one merge task: rows of consecutive groups of one database, or a key range of one large group. */
export interface MergeUnit {
  /** Abbreviations of the groups, in order; `b` is -1 if keys have only one. */
  readonly a: Float64Array
  readonly b: Float64Array
  readonly parts: readonly MergePart[]
  /** For a range of a single group: its first index, and the one after its last; null means open. */
  readonly range: { readonly gte: Uint8Array | null; readonly lt: Uint8Array | null } | null
}

/** What one run contributes to a unit. */
export interface MergePart {
  readonly path: string
  readonly start: number
  readonly end: number
  /** Which groups of the unit the run has, ascending, and how many rows of each; unused for a range. */
  readonly groups: Int32Array
  readonly counts: Int32Array
}

interface StreamInput {
  readonly stream: number
  readonly port: MessagePort
  readonly credits: Credits
}

export interface MergeInput extends MergeUnit, StreamInput {}

/** Merges the rows of a unit from all runs and sends the finished pages of its keys `abrv [abrv] index -> buid`. */
export function mergeRuns(input: MergeInput): { rows: number } {
  const { builder, finish } = pageStream(input, true)
  const merge = new RunMerge(input.parts)
  const prefix = Buffer.alloc(16)
  try {
    eachGroup(input, merge, (group) => {
      const prefixBytes = putGroup(prefix, input.a[group], input.b[group])
      const fault = merge.toPages(builder.pages, prefix.subarray(0, prefixBytes))
      if (fault === 0) return
      const { key, value } = merge.refused()
      throw builder.error(fault, key, value)
    })
    finish()
    return { rows: merge.rows }
  } finally {
    merge.close()
  }
}

/** Has the merge of a unit's parts take the rows of each group in turn. */
function eachGroup({ a, parts, range }: MergeUnit, merge: RunMerge, act: (group: number) => void): void {
  if (range !== null) {
    merge.takeRange(range.gte, range.lt)
    act(0)
    return
  }
  // Each of thousands of groups may be in a few runs only, so look up the runs of each group.
  const { ends, list, index } = bucketsOf(
    parts.map(({ groups }) => groups),
    a.length,
  )
  for (let group = 0, place = 0; group < a.length; group++) {
    for (; place < ends[group]; place++) merge.take(list[place], parts[list[place]].counts[index[place]])
    act(group)
  }
}

export interface NodedataInput extends StreamInput {
  /** Runs of consecutive partitions. */
  readonly parts: readonly (NodedataPlace & { readonly abrvs: Float64Array })[]
}

/** Makes the pages of `nodedata` (`buid abrv -> value`). Partitions follow each other, so there is nothing to merge. */
export function copyNodedata(input: NodedataInput): void {
  const { builder, finish } = pageStream(input, false)
  const key = Buffer.alloc(40)
  eachNodedata(input.parts, ({ abrvs }, buf, buid, rank, valueStart, valueEnd) => {
    buf.copy(key, 0, buid, buid + BUID_BYTES)
    putAbrv(key, BUID_BYTES, abrvs[rank])
    builder.add(key, 0, 40, buf, valueStart, valueEnd)
  })
  finish()
}

/** Where the rows of a task go that makes one stream of pages. */
function pageStream({ port, stream, credits }: StreamInput, dupSort: boolean) {
  const sender = new ChunkSender(port, stream, credits)
  const builder = new LeafBuilder({ dupSort, emit: (chunk) => sender.send(chunk) })
  return { builder, finish: () => sender.end(builder.finish(), []) }
}

function putGroup(key: Buffer, a: number, b: number): number {
  putAbrv(key, 0, a)
  if (b < 0) return 8
  putAbrv(key, 8, b)
  return 16
}

/** Abbreviations are 8-byte big-endian counters. */
function putAbrv(key: Buffer, at: number, abrv: number): void {
  key.writeUInt32BE(Math.floor(abrv / 0x1_0000_0000), at)
  key.writeUInt32BE(abrv % 0x1_0000_0000, at + 4)
}
