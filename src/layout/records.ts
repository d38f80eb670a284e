import * as z from 'zod/mini'
import en from 'zod/v4/locales/en.js'
import type { ByteList } from '../bytes/byte-list.js'
import type { StreamState } from '../page/page-chunk.js'

/** Raise this when partitions, runs or checkpoints of nodes change: we then do not resume older runs. */
export const NODES_SCHEMA = 13
/** Like NODES_SCHEMA, for splices. */
export const SPLICES_SCHEMA = 7

// zod has no language of its own: its messages are English from here on.
z.config(en())

const count = z.int().check(z.nonnegative())
const bytes: z.ZodMiniType<Uint8Array> = z.instanceof(Uint8Array)
const numbers = z.instanceof(Uint32Array)
/** Byte strings end to end. */
const byteList: z.ZodMiniType<ByteList> = z.strictObject({ bytes: z.instanceof(Uint8Array), ends: numbers })
/** An XXH64 in hex. */
const digest = z.string().check(z.regex(/^[0-9a-f]{16}$/))
const countByName = z.readonly(z.array(z.readonly(z.tuple([z.string(), count]))))

/** Identifies a slab and its state; `slabPrint()` makes it. */
const slabPrint = z.strictObject({
  txnId: count,
  /** Pages in use, and rows of all databases. */
  pages: count,
  rows: count,
  /** XXH64 in hex of the meta page, all database records and the pages that we sampled. */
  digest,
})

/** We resume a layer's nodes only if all of this is unchanged. */
const nodesFingerprint = z.strictObject({
  schema: z.literal(NODES_SCHEMA),
  layer: z.string(),
  slabs: z.strictObject({ layer: slabPrint, nodedata: z.nullable(slabPrint), splices: z.nullable(slabPrint) }),
  /** Other layers that we ask for the form of partial nodes. */
  otherLayers: z.readonly(z.array(z.strictObject({ iden: z.string(), layer: z.nullable(slabPrint) }))),
  checks: z.boolean(),
  mapPartial: z.boolean(),
  /** All that the model has beyond the one of 0.1.58, as JSON. */
  model: z.string(),
})

const splicesFingerprint = z.strictObject({
  schema: z.literal(SPLICES_SCHEMA),
  layer: z.string(),
  slabs: z.strictObject({ splices: slabPrint }),
  model: z.string(),
})

/** The finished slabs as they were made, by the name of their directory; absent until then. */
const built = z.optional(z.record(z.string(), slabPrint))

/** `nodes/<layer iden>` */
export const nodesCheckpoint = z.strictObject({
  fingerprint: nodesFingerprint,
  /** How many partitions there are. */
  partitions: count,
  /** Starts of the buids that separate them; null when the layer is built, as there may be many. */
  borders: z.nullable(byteList),
  /** How many consecutive partitions a task translates. */
  perTask: z.int().check(z.positive()),
  nodelim: z.nullable(count),
  unitBytes: z.optional(count),
  fanIn: z.optional(z.strictObject({ atOnce: count, most: count })),
  /** How many parts have translated the layer, in processes of their own. */
  parts: z.optional(count),
  isBuilt: z.boolean(),
  built,
  /** Transaction numbers of the destination's slabs after `errors --replay` wrote to them. */
  writtenTxns: z.optional(z.record(z.string(), count)),
})

/** `splices/<layer iden>` */
export const splicesCheckpoint = z.strictObject({
  fingerprint: splicesFingerprint,
  /** The first offset of each range. */
  starts: z.readonly(z.array(count)),
  isBuilt: z.boolean(),
  built,
})

/** Counts of the partitions that a task extracted. */
export const nodeCounts = z.strictObject({
  /** The first of them. */
  partition: count,
  /** Rows of the source's `bybuid` and of its node data in the range. */
  sourceRows: count,
  nodedataRows: count,
  /** Nodes read, and those translated. */
  nodes: count,
  migrated: count,
  /** Nodes translated without one or more of their values. */
  reduced: count,
  nodedataMigrated: count,
  errorCount: count,
  /**
   * Translated nodes that got their form from another layer; translated nodes with a value that the reference refuses;
   * tag props that the reference stores as another type.
   */
  partialNodes: count,
  keptValues: count,
  typedTagProps: count,
  /** Form rows read, and ndef rows written, by form. */
  sourceForms: countByName,
  forms: countByName,
  /** Rows written to the destination's `bybuid`. */
  rows: count,
  lastBuid: z.nullable(bytes),
  /** Buids of partial nodes with unknown form, end to end. */
  unresolved: bytes,
})

/** Counts of one translated range of splices. */
export const spliceCounts = z.strictObject({
  /** Rows of node edits. The rows of the next range are numbered from the sum of all ranges before it. */
  rows: count,
  /** Splices in these rows. */
  translated: count,
  failures: count,
  /** How many of these splices used names of an older model. */
  renamed: count,
  /** How many of the failures are about a form or prop that an older model had. */
  oldFailures: count,
  firstOffset: z.nullable(count),
  lastOffset: z.nullable(count),
  /** How many offsets have no row, and the first few gaps as `[start, end)`. */
  missing: count,
  gaps: z.readonly(z.array(z.readonly(z.tuple([count, count])))),
  messages: z.readonly(z.array(z.string())),
})

const streamState: z.ZodMiniType<StreamState> = z.strictObject({
  stream: count,
  keyBase: count,
  extents: z.readonly(z.array(z.strictObject({ rel: count, first: count, count }))),
  digest,
  leaves: z.nullable(z.strictObject({ at: count, bytes: count, digest, entries: count })),
})

/**
 * Which slab a finished stream is in and where its pages are. Both are absent once we know them no longer: the slab is
 * complete.
 */
const place = { slab: z.optional(z.string()), state: z.optional(streamState) }

/**
 * What the coordinator reads of a finished stream: `nodes/<layer iden>/<stream>`. Parts of the merge have no counts; a
 * run that was merged into another has no pages.
 */
export const nodesStream = z.strictObject({
  stream: count,
  ...place,
  counts: z.optional(nodeCounts),
  run: z.optional(z.strictObject({ level: count, index: count })),
})

/** `splices/<layer iden>/<stream>` */
export const splicesStream = z.strictObject({ stream: count, ...place, counts: spliceCounts })

/** What the writer reads of a finished stream: where its pages are. */
export const placedStream = z.object({ stream: count, slab: z.string(), state: streamState })

const int32s = z.instanceof(Int32Array)
const positions = z.instanceof(Float64Array)

/** The end of a file of runs; see `RunFooter` for each field. */
export const runFooter = z.strictObject({
  propNames: byteList,
  tagNames: byteList,
  tagPropNames: byteList,
  sections: z.record(
    z.string(),
    z.strictObject({
      starts: positions,
      runEnds: int32s,
      a: int32s,
      b: int32s,
      counts: int32s,
      ends: positions,
      entryGroups: int32s,
      entryStarts: positions,
      entryKeys: byteList,
    }),
  ),
  nodedata: z.strictObject({ names: int32s, starts: positions, ends: positions, counts: int32s }),
})

export type SlabPrint = z.infer<typeof slabPrint>
export type NodesFingerprint = z.infer<typeof nodesFingerprint>
export type SplicesFingerprint = z.infer<typeof splicesFingerprint>
export type NodesCheckpoint = z.infer<typeof nodesCheckpoint>
export type SplicesCheckpoint = z.infer<typeof splicesCheckpoint>
export type NodesStream = z.infer<typeof nodesStream>
export type SplicesStream = z.infer<typeof splicesStream>
export type PlacedStream = z.infer<typeof placedStream>
