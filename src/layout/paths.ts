import { join } from 'node:path'

/** Slabs of a layer: 0.1.x has the first three, 2.x the last three. */
export type LayerSlab = 'layer' | 'splices' | 'nodedata' | 'layer_v2' | 'nodeedits'

/** Slabs of the Cortex itself that we open; we only copy the others. */
export type CellSlab = 'cell' | 'queues' | 'nexus'

/** The paths of one layer. */
export interface LayerPaths {
  readonly dir: string
  /** The directory of a slab. */
  slab(name: LayerSlab): string
}

/** What a migration stores in its destination for itself, and leaves there for later inspection. */
export interface MigrationPaths {
  readonly dir: string
  /** The migration log, a slab. */
  readonly log: string
  readonly checkpoints: string
  /** The program's messages, for people. */
  readonly textLog: string
  /** Names the run that is writing to the destination. */
  readonly runLock: string
  /** That run's status, updated as it goes. */
  readonly status: string
  /** A directory for each layer, with the slabs in progress and the sorted runs for them. */
  readonly build: string
  readonly runs: string
  buildOf(layerIden: string): string
  runsOf(layerIden: string): string
  /** What `synapse-migrator part` keeps: the plan, and a directory for each layer with what its parts have made. */
  readonly parts: string
  partsOf(layerIden: string): string
  /** Copies of the layers of a running source. */
  readonly snapshot: string
  /** An older source upgraded to the format of 0.1.58, and a note of what it was made from. */
  readonly source: string
  readonly sourceOrigin: string
  /** The reference's own directory for splices, and the slab of splice errors in it. */
  readonly splices: string
  readonly spliceErrors: string
}

/** The paths of a Cortex directory, source or destination. */
export interface CortexPaths {
  readonly dir: string
  /** The file that holds the Cortex's iden. */
  readonly guid: string
  readonly cellYaml: string
  readonly bootYaml: string
  /** The directory of the Cortex's own slabs, and one of them. */
  readonly slabs: string
  slab(name: CellSlab): string
  readonly axon: string
  /** The directory that holds all layers, and what belongs to one. */
  readonly layers: string
  layer(iden: string): LayerPaths
  readonly migration: MigrationPaths
}

/** Computes the paths of a Cortex directory without looking at the disk. */
export function cortexPaths(dir: string): CortexPaths {
  const slabs = join(dir, 'slabs')
  const layers = join(dir, 'layers')
  return {
    dir,
    guid: join(dir, 'cell.guid'),
    cellYaml: join(dir, 'cell.yaml'),
    bootYaml: join(dir, 'boot.yaml'),
    slabs,
    slab: (name) => join(slabs, `${name}.lmdb`),
    axon: join(dir, 'axon'),
    layers,
    layer: (iden) => layerPaths(join(layers, iden)),
    migration: migrationPaths(join(dir, 'migration')),
  }
}

function layerPaths(dir: string): LayerPaths {
  return { dir, slab: (name) => join(dir, `${name}.lmdb`) }
}

function migrationPaths(dir: string): MigrationPaths {
  const [build, runs, parts, splices] = ['build', 'runs', 'parts', 'splices'].map((name) => join(dir, name))
  return {
    dir,
    log: join(dir, 'migr.lmdb'),
    checkpoints: join(dir, 'checkpoints.lmdb'),
    textLog: join(dir, 'migrate.log'),
    runLock: join(dir, 'run.lock'),
    status: join(dir, 'status.json'),
    build,
    runs,
    buildOf: (layerIden) => join(build, layerIden),
    runsOf: (layerIden) => join(runs, layerIden),
    parts,
    partsOf: (layerIden) => join(parts, layerIden),
    snapshot: join(dir, 'snapshot'),
    source: join(dir, 'source'),
    sourceOrigin: join(dir, 'source-origin.json'),
    splices,
    spliceErrors: join(splices, 'slabs', 'migrsync.lmdb'),
  }
}
