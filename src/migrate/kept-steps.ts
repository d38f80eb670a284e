import { existsSync, readdirSync } from 'node:fs'
import { readCheckpointHeads } from '../dest/checkpoints.js'
import { MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import type { ModelData } from '../model/model.js'
import { SlabReader } from '../page/page-reader.js'
import type { MigrOp } from '../step/context.js'
import { modelKey } from '../stream/worker-state.js'
import { changedSlabs, layerCheckpoint } from './layer-checkpoint.js'
import type { MigrateOptions } from './options.js'

/**
 * Adds step nodedata when step nodes runs on a destination that has node data: the slab of the nodes numbers the names
 * in node data, so new nodes need new node data.
 */
export function keepNodedata(options: MigrateOptions): MigrateOptions {
  const { ops, destDir } = options
  if (!ops.has('nodes') || ops.has('nodedata') || !hasNodedata(destDir)) return options
  return { ...options, ops: new Set<MigrOp>([...ops, 'nodedata']) }
}

/**
 * Checks that step `nodedata` without `nodes` leaves the nodes of a layer unchanged.
 *
 * @throws {MigrationError} ERR_PREFLIGHT when the nodes are not migrated, ERR_CHECKPOINT_MISMATCH when they are from
 *   another source, model or other options
 */
export function assertNodesStay(srcDir: string, iden: string, model: ModelData, options: MigrateOptions): void {
  const { destDir, safetyOff, mapPartial, nodelim } = options
  const nodes = layerCheckpoint(readCheckpointHeads(destDir), 'nodes', iden)
  const refused = (code: 'ERR_PREFLIGHT' | 'ERR_CHECKPOINT_MISMATCH', found: string) =>
    new MigrationError(code, `Cannot migrate the node data of layer ${iden}: ${found}`, {
      hint: 'Add the step nodes, which migrates the nodes with their data',
    })
  if (nodes === null || !nodes.isBuilt) throw refused('ERR_PREFLIGHT', 'its nodes have not been migrated')
  const { fingerprint } = nodes
  const layer = cortexPaths(srcDir).layer(iden)
  const isSame =
    changedSlabs(layer, { nodes, splices: null }).every((path) => path !== layer.slab('layer')) &&
    fingerprint.model === modelKey(model) &&
    fingerprint.checks === !safetyOff &&
    fingerprint.mapPartial === mapPartial &&
    nodes.nodelim === nodelim
  if (!isSame) throw refused('ERR_CHECKPOINT_MISMATCH', 'another source, model or other options made its nodes')
}

function hasNodedata(destDir: string): boolean {
  const { layers, layer } = cortexPaths(destDir)
  if (!existsSync(layers)) return false
  return readdirSync(layers).some((iden) => {
    const path = layer(iden).slab('nodedata')
    if (!SlabReader.exists(path)) return false
    const slab = SlabReader.open(path)
    try {
      return (slab.db('nodedata')?.entries ?? 0) > 0
    } finally {
      slab.close()
    }
  })
}
