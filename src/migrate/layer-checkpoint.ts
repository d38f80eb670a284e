import type * as z from 'zod/mini'
import { type CheckpointHead, otherVersion, parsedRecord } from '../dest/checkpoints.js'
import type { LayerPaths } from '../layout/paths.js'
import {
  NODES_SCHEMA,
  type NodesCheckpoint,
  type NodesStream,
  nodesCheckpoint,
  nodesStream,
  type SlabPrint,
  SPLICES_SCHEMA,
  type SplicesCheckpoint,
  type SplicesStream,
  splicesCheckpoint,
  splicesStream,
} from '../layout/records.js'
import { SOURCE_SLABS, type SourceSlab } from '../layout/source-layer.js'
import { SlabReader } from '../page/page-reader.js'
import { slabPrint } from '../page/slab-print.js'
import { isSameSlab } from './checkpoint-differs.js'

/** The layer steps that have a checkpoint, and its type. */
export interface LayerCheckpoints {
  readonly nodes: NodesCheckpoint
  readonly splices: SplicesCheckpoint
}

/** What their checkpoints record of each finished stream. */
export interface LayerStreams {
  readonly nodes: NodesStream
  readonly splices: SplicesStream
}

export type LayerStep = keyof LayerCheckpoints

const RECORDS = {
  nodes: { record: nodesCheckpoint, stream: nodesStream, schema: NODES_SCHEMA },
  splices: { record: splicesCheckpoint, stream: splicesStream, schema: SPLICES_SCHEMA },
} as const satisfies Record<LayerStep, object>

/** Null when the step has not reached this layer, or another tool migrated it. */
export function layerCheckpoint<Step extends LayerStep>(
  checkpoints: ReadonlyMap<string, CheckpointHead>,
  step: Step,
  iden: string,
): LayerCheckpoints[Step] | null {
  const key = `${step}/${iden}`
  const found = checkpoints.get(key)
  return found === undefined ? null : parsedCheckpoint(step, key, found.value)
}

/**
 * The content of a checkpoint.
 *
 * @throws {MigrationError} ERR_CHECKPOINT_MISMATCH when another version made it
 */
export function parsedCheckpoint<Step extends LayerStep>(
  step: Step,
  key: string,
  value: unknown,
): LayerCheckpoints[Step] {
  const { record, schema } = RECORDS[step]
  const found = (value as { fingerprint?: { schema?: unknown } } | null)?.fingerprint?.schema
  if (found !== schema) throw otherVersion(key, `schema ${String(found ?? 'unknown')}, now ${schema}`)
  return parsedRecord(record as z.ZodMiniType, key, value) as LayerCheckpoints[Step]
}

/** What a checkpoint records of one of its streams. */
export function parsedStream<Step extends LayerStep>(step: Step, key: string, value: unknown): LayerStreams[Step] {
  return parsedRecord(RECORDS[step].stream as z.ZodMiniType, key, value) as LayerStreams[Step]
}

/** The print of a slab of a source layer; null when there is no such slab. */
export function printOf(layer: LayerPaths, slab: SourceSlab): SlabPrint | null {
  const path = layer.slab(slab)
  return SlabReader.exists(path) ? slabPrint(path) : null
}

/** Paths of a layer's source slabs that have changed since they were migrated. */
export function changedSlabs(
  layer: LayerPaths,
  { nodes, splices }: { readonly nodes: NodesCheckpoint | null; readonly splices: SplicesCheckpoint | null },
): string[] {
  const prints = { ...nodes?.fingerprint.slabs, ...splices?.fingerprint.slabs }
  return SOURCE_SLABS.filter((slab) => prints[slab] != null && !isSameSlab(prints[slab], printOf(layer, slab))).map(
    (slab) => layer.slab(slab),
  )
}
