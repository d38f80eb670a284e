import { join } from 'node:path'
import type { KnownCheckpoint } from '../dest/checkpoints.js'
import { SlabReader } from '../page/page-reader.js'

/** What the checkpoint of a layer's nodes or splices tells those who come after the migration. */
export interface LayerCheckpoint {
  readonly fingerprint: Readonly<Record<string, unknown>>
  readonly nodelim?: number | null
  readonly isBuilt: boolean
  /** Transactions of the slabs when errors were replayed into them. */
  readonly writtenTxns?: Readonly<Record<string, number>>
}

/** Slabs of a 2.x layer. */
export const DEST_SLABS = ['layer_v2', 'nodedata', 'nodeedits'] as const

/** Null when the step has not come to this layer, or somebody else has migrated it. */
export function layerCheckpoint(
  checkpoints: ReadonlyMap<string, KnownCheckpoint>,
  step: 'nodes' | 'splices',
  iden: string,
): LayerCheckpoint | null {
  return (checkpoints.get(`${step}/${iden}`)?.value as LayerCheckpoint | undefined) ?? null
}

/** Paths of the source's slabs of a layer that are at another transaction than when they were migrated. */
export function changedSlabs(
  layerDir: string,
  { nodes, splices }: { readonly nodes: LayerCheckpoint | null; readonly splices: LayerCheckpoint | null },
): string[] {
  const migrated = [
    ['layer', nodes?.fingerprint['source transaction']],
    ['nodedata', nodes?.fingerprint['node data transaction']],
    ['splices', splices?.fingerprint['splice transaction']],
  ] as const
  return migrated
    .map(([slab, txn]) => ({ path: join(layerDir, `${slab}.lmdb`), txn }))
    .filter(({ path, txn }) => typeof txn === 'number' && SlabReader.exists(path) && txnOf(path) !== txn)
    .map(({ path }) => path)
}

function txnOf(path: string): number {
  const slab = SlabReader.open(path)
  slab.close()
  return slab.txnId
}
