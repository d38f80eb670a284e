import * as z from 'zod/mini'
import en from 'zod/v4/locales/en.js'
import type { StreamState } from '../page/page-chunk.js'

/** Counts up when partitions, runs or checkpoints of nodes change: an older run is then not resumed. */
export const NODES_SCHEMA = 9
/** The same for splices. */
export const SPLICES_SCHEMA = 7

// What is wrong with a record is said in English.
z.config(en())

const count = z.int().check(z.nonnegative())
const bytes: z.ZodMiniType<Uint8Array> = z.instanceof(Uint8Array)
const numbers = z.instanceof(Uint32Array)
/** An XXH64 in hex. */
const digest = z.string().check(z.regex(/^[0-9a-f]{16}$/))
const countByName = z.readonly(z.array(z.readonly(z.tuple([z.string(), count]))))

/** What tells a slab of the source from another one, and from another state of its own: `slabPrint()` takes it. */
const slabPrint = z.strictObject({
  txnId: count,
  /** Pages in use, and rows of all databases. */
  pages: count,
  rows: count,
  /** XXH64 of the meta page, all database records and what was looked at of the pages, in hex. */
  digest,
})

/** What must be the same for the nodes of a layer to be continued. */
const nodesFingerprint = z.strictObject({
  schema: z.literal(NODES_SCHEMA),
  layer: z.string(),
  slabs: z.strictObject({ layer: slabPrint, nodedata: z.nullable(slabPrint), splices: z.nullable(slabPrint) }),
  /** Layers whose rows tell the form of partial nodes. */
  otherLayers: z.readonly(z.array(z.strictObject({ iden: z.string(), layer: z.nullable(slabPrint) }))),
  checks: z.boolean(),
  mapPartial: z.boolean(),
  /** All that the model has beside the one of 0.1.58, as JSON. */
  model: z.string(),
})

const splicesFingerprint = z.strictObject({
  schema: z.literal(SPLICES_SCHEMA),
  layer: z.string(),
  slabs: z.strictObject({ splices: slabPrint }),
  model: z.string(),
})

/** `nodes/<layer iden>` */
export const nodesCheckpoint = z.strictObject({
  fingerprint: nodesFingerprint,
  /** Buids between partitions. */
  borders: z.readonly(z.array(bytes)),
  nodelim: z.nullable(count),
  unitBytes: z.optional(count),
  fanIn: z.optional(z.strictObject({ atOnce: count, most: count })),
  isBuilt: z.boolean(),
  /** Transactions of the destination's slabs when errors were replayed into them. */
  writtenTxns: z.optional(z.record(z.string(), count)),
})

/** `splices/<layer iden>` */
export const splicesCheckpoint = z.strictObject({
  fingerprint: splicesFingerprint,
  /** First offsets of ranges. */
  starts: z.readonly(z.array(count)),
  isBuilt: z.boolean(),
})

/** What extracting a partition counts. */
export const nodeCounts = z.strictObject({
  partition: count,
  /** Rows of the source's `bybuid` and of its node data in the range. */
  sourceRows: count,
  nodedataRows: count,
  /** Nodes read, and those translated. */
  nodes: count,
  migrated: count,
  /** Nodes translated without a value or two. */
  reduced: count,
  nodedataMigrated: count,
  errorCount: count,
  /** Of those translated the ones whose form another layer tells, and whose value the reference refuses; tag props that it stores as another type. */
  partialNodes: count,
  keptValues: count,
  typedTagProps: count,
  /** Form rows read, and ndef rows written, by form. */
  sourceForms: countByName,
  forms: countByName,
  /** Rows written to the destination's `bybuid`. */
  rows: count,
  lastBuid: z.nullable(bytes),
  /** Buids of partial nodes whose form is unknown, end to end. */
  unresolved: bytes,
})

/** What translating a range of splices counts. */
export const spliceCounts = z.strictObject({
  /** Rows of node edits; the next range's rows follow at the sum of all before it. */
  rows: count,
  /** Splices in these rows. */
  translated: count,
  failures: count,
  /** Of the splices in these rows those in names of an older model. */
  renamed: count,
  /** Of the failures those whose form or prop an older model had. */
  oldFailures: count,
  firstOffset: z.nullable(count),
  lastOffset: z.nullable(count),
  /** Offsets that have no row, and the first of these gaps as `[start, end)`. */
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

/** Which slab a finished stream is in and where its pages lie there; of slabs that are built neither is known any more. */
const place = { slab: z.optional(z.string()), state: z.optional(streamState) }

/**
 * What the coordinator finds of a finished stream: `nodes/<layer iden>/<stream>`. Parts of the merge have no counts; a run that
 * others were merged to has no pages.
 */
export const nodesStream = z.strictObject({
  stream: count,
  ...place,
  counts: z.optional(nodeCounts),
  run: z.optional(z.strictObject({ level: count, index: count })),
})

/** `splices/<layer iden>/<stream>` */
export const splicesStream = z.strictObject({ stream: count, ...place, counts: spliceCounts })

/** What the writer finds of it: where its pages lie. */
export const placedStream = z.object({ stream: count, slab: z.string(), state: streamState })

const byteList = z.strictObject({ bytes, ends: numbers })
const int32s = z.instanceof(Int32Array)
const positions = z.instanceof(Float64Array)

/** What a run ends with; what each of it is stands with `RunFooter`. */
export const runFooter = z.strictObject({
  propNames: byteList,
  tagNames: byteList,
  tagPropNames: byteList,
  sections: z.record(
    z.string(),
    z.strictObject({
      a: int32s,
      b: int32s,
      counts: int32s,
      starts: positions,
      ends: positions,
      blockGroup: int32s,
      blockStart: positions,
      blockKeys: byteList,
    }),
  ),
  nodedata: z.strictObject({ start: count, end: count, count }),
})

export type SlabPrint = z.infer<typeof slabPrint>
export type NodesFingerprint = z.infer<typeof nodesFingerprint>
export type SplicesFingerprint = z.infer<typeof splicesFingerprint>
export type NodesCheckpoint = z.infer<typeof nodesCheckpoint>
export type SplicesCheckpoint = z.infer<typeof splicesCheckpoint>
export type NodesStream = z.infer<typeof nodesStream>
export type SplicesStream = z.infer<typeof splicesStream>
export type PlacedStream = z.infer<typeof placedStream>
