import { readCheckpointHeads } from '../dest/checkpoints.js'
import { hasRecord } from '../dest/migration-log.js'
import { MigrationError } from '../errors.js'
import { assertDestOf } from '../inspect/dest-state.js'
import { DEST_LAYER_SLABS } from '../layout/dest-dbs.js'
import { cortexPaths } from '../layout/paths.js'
import { changedSlabs, layerCheckpoint } from '../migrate/layer-checkpoint.js'
import type { ModelData } from '../model/model.js'
import { isInUse } from '../slab/in-use.js'
import type { SourceCortex } from '../source/cortex-dir.js'
import type { LayerErrors } from './layer-errors.js'
import { assertModelGrew } from './model-growth.js'

/**
 * @throws {MigrationError} ERR_PREFLIGHT when a destination does not belong to a source, or Synapse has been started on
 *   it
 */
export function assertReplayable(source: SourceCortex, destDir: string): void {
  const booted = assertDestOf(source, destDir, 'replay errors of')
  if (booted === null) return
  throw new MigrationError(
    'ERR_PREFLIGHT',
    `Cannot replay errors of "${destDir}": Synapse ${booted} has been started on it`,
    {
      hint: 'Older changes could undo what was written since: add what is missing through Storm, or migrate again',
    },
  )
}

/** Layers with errors, or with a history that an earlier run left unfinished. */
export function layersToReplay(destDir: string, errors: ReadonlyMap<string, LayerErrors>): string[] {
  const keys = [...readCheckpointHeads(destDir).keys()]
  if (!keys.some((key) => /^(nodes|splices)\//.test(key))) {
    throw new MigrationError('ERR_PREFLIGHT', `Cannot replay errors of "${destDir}": it has no checkpoints`, {
      hint: 'Another tool has migrated it: migrate it again with migrate_020 --restart',
    })
  }
  const known = keys.flatMap((key) => /^(?:nodes|splices)\/(.*)$/.exec(key)?.[1] ?? [])
  return [...new Set([...errors.keys(), ...known])].sort()
}

/** @throws {MigrationError} when a layer is in use, not finished, or from another source or model */
export function assertLayerReplayable(srcDir: string, destDir: string, iden: string, model: ModelData): void {
  for (const slab of DEST_LAYER_SLABS) {
    const path = cortexPaths(destDir).layer(iden).slab(slab)
    if (!isInUse(path)) continue
    throw new MigrationError('ERR_PREFLIGHT', `Cannot replay errors of "${destDir}": a process has "${path}" open`, {
      hint: 'Stop it',
    })
  }
  const checkpoints = readCheckpointHeads(destDir)
  const nodes = layerCheckpoint(checkpoints, 'nodes', iden)
  const splices = layerCheckpoint(checkpoints, 'splices', iden)
  // If the migration has finished, a history that is not complete was begun by an earlier replay.
  const isOpen = splices !== null && !splices.isBuilt && !hasRecord(destDir, 'splices', 'prog', iden)
  if (nodes?.isBuilt === false || isOpen) {
    throw new MigrationError('ERR_PREFLIGHT', `Cannot replay errors of layer ${iden}: its migration has not finished`, {
      hint: 'Let migrate_020 finish it with --from-last',
    })
  }
  for (const { fingerprint } of [nodes, splices].filter((checkpoint) => checkpoint !== null)) {
    assertModelGrew(iden, fingerprint.model, model)
  }
  const [changed] = changedSlabs(cortexPaths(srcDir).layer(iden), { nodes, splices })
  if (changed === undefined) return
  throw new MigrationError(
    'ERR_CHECKPOINT_MISMATCH',
    `Cannot replay errors of layer ${iden}: "${changed}" has changed since`,
    { hint: 'Give the source as it was migrated, or migrate again' },
  )
}
