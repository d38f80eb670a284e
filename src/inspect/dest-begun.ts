import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readCheckpointHeads } from '../dest/checkpoints.js'
import { MigrationError } from '../errors.js'
import { cortexPaths, type LayerSlab } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'

/** Which tool made the content of a destination. */
export type DestMaker =
  | 'this program'
  /** There is a migration log, but none of our checkpoints. */
  | 'another tool'
  /** There is no trace of a migration. */
  | 'unknown'

/** What a destination already has of the steps in a run. */
export interface DestBegun {
  readonly maker: DestMaker
  readonly isFinished: boolean
  /** Files and directories at the top that step `dirn` would replace, sorted. */
  readonly files: readonly string[]
  /** For each step, the layers with something that it would replace; no entry if there are none. */
  readonly layers: ReadonlyMap<'nodes' | 'nodedata' | 'splices', readonly string[]>
}

/** The slab and the database that show whether a layer has anything of a step. */
const STEP_ROWS = {
  nodes: { slab: 'layer_v2', db: 'bybuid' },
  nodedata: { slab: 'nodedata', db: 'nodedata' },
  splices: { slab: 'nodeedits', db: 'nodeedits' },
} as const satisfies Record<string, { slab: LayerSlab; db: string }>

/** Steps whose results are in a layer. */
const STEPS = ['nodes', 'nodedata', 'splices'] as const

/**
 * Finds what a destination already has of the steps in a run. Cell steps change the copy that `dirn` made, and may run
 * at any time.
 *
 * @param layers idens of the layers to migrate
 * @param skipped idens of layers that shall be empty
 */
export function destBegun(
  srcDir: string,
  destDir: string,
  layers: readonly string[],
  ops: ReadonlySet<string>,
  skipped: readonly string[] = [],
): DestBegun {
  const { migration } = cortexPaths(destDir)
  const checkpoints = knownCheckpoints(destDir)
  const begun = new Map<(typeof STEPS)[number], readonly string[]>()
  for (const step of STEPS.filter((op) => ops.has(op))) {
    const there = [...layers, ...skipped].filter(
      (iden) => checkpoints.has(`${step}/${iden}`) || hasRows(destDir, iden, step),
    )
    if (there.length > 0) begun.set(step, there)
  }
  const isOurs = SlabReader.exists(migration.checkpoints)
  const isMigrated = isOurs || SlabReader.exists(migration.log)
  return {
    maker: isOurs
      ? 'this program'
      : isMigrated
        ? 'another tool'
        : existsSync(migration.dir)
          ? 'this program'
          : 'unknown',
    isFinished:
      existsSync(join(migration.dir, 'migrvers.yaml')) &&
      [...checkpoints.values()].every(({ value }) => (value as { isBuilt?: boolean } | null)?.isBuilt !== false) &&
      // A run with --layer leaves the others for later.
      (begun.size === 0 || layers.every((iden) => [...begun.values()].some((there) => there.includes(iden)))),
    files: ops.has('dirn') ? sameNames(srcDir, destDir) : [],
    layers: begun,
  }
}

/** Layers that earlier runs of this program have finished, as far as the steps in a run go. */
export function finishedLayers(destDir: string, layers: readonly string[], ops: ReadonlySet<string>): string[] {
  const checkpoints = knownCheckpoints(destDir)
  const isBuilt = (key: string) => (checkpoints.get(key)?.value as { isBuilt?: boolean } | undefined)?.isBuilt
  return layers.filter((iden) => {
    const [nodes, splices] = [isBuilt(`nodes/${iden}`), isBuilt(`splices/${iden}`)]
    // A layer without a history has no checkpoint for it.
    return ops.has('nodes') || ops.has('nodedata') ? nodes === true && splices !== false : splices === true
  })
}

/** Ignores checkpoints that are damaged or from another version: a run that resumes from them refuses them. */
function knownCheckpoints(destDir: string): ReturnType<typeof readCheckpointHeads> {
  try {
    return readCheckpointHeads(destDir)
  } catch (error) {
    if (error instanceof MigrationError) return new Map()
    throw error
  }
}

function hasRows(destDir: string, iden: string, step: (typeof STEPS)[number]): boolean {
  const { slab, db } = STEP_ROWS[step]
  const path = cortexPaths(destDir).layer(iden).slab(slab)
  if (!SlabReader.exists(path)) return false
  try {
    const reader = SlabReader.open(path)
    try {
      return (reader.db(db)?.entries ?? 0) > 0
    } finally {
      reader.close()
    }
  } catch (error) {
    // A slab that cannot be read may hold anything.
    if (error instanceof MigrationError) return true
    throw error
  }
}

/** Names at the top of the destination that are also in the source; layers have rules of their own. */
function sameNames(srcDir: string, destDir: string): string[] {
  if (!existsSync(destDir) || !statSync(destDir).isDirectory()) return []
  const names = new Set(readdirSync(srcDir, 'latin1'))
  return readdirSync(destDir, 'latin1')
    .filter((name) => name !== 'layers' && names.has(name))
    .sort()
    .map((name) => Buffer.from(name, 'latin1').toString('utf8'))
}
