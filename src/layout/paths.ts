import { join } from 'node:path'

/** Slabs of a layer: 0.1.x has the first three, 2.x the last three. */
export type LayerSlab = 'layer' | 'splices' | 'nodedata' | 'layer_v2' | 'nodeedits'

/** Slabs of the Cortex itself that the program opens; others are only copied. */
export type CellSlab = 'cell' | 'queues' | 'nexus'

/** Where the things of one layer lie. */
export interface LayerPaths {
  readonly dir: string
  /** The directory of a slab. */
  slab(name: LayerSlab): string
}

/** What a migration keeps at its destination for itself, and leaves for whoever looks at it later. */
export interface MigrationPaths {
  readonly dir: string
  /** The migration log, a slab. */
  readonly log: string
  readonly checkpoints: string
  /** What the program has said, for people. */
  readonly textLog: string
  /** Says which run writes the destination. */
  readonly runLock: string
  /** What that run says of itself, from time to time. */
  readonly status: string
  /** Slabs being built, and the sorted runs of rows that they are built from: a directory for each layer. */
  readonly build: string
  readonly runs: string
  buildOf(layerIden: string): string
  runsOf(layerIden: string): string
  /** Copies of the layers of a running source. */
  readonly snapshot: string
  /** A source of an older release as 0.1.58 leaves it, and what that was made from. */
  readonly source: string
  readonly sourceOrigin: string
  /** Where the reference works on splices, and its slab of splice errors there. */
  readonly splices: string
  readonly spliceErrors: string
}

/** Where everything of a Cortex directory lies, of source and destination alike. */
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

/** Says where things lie in a Cortex directory; looks at nothing. */
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
  const [build, runs, splices] = [join(dir, 'build'), join(dir, 'runs'), join(dir, 'splices')]
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
    snapshot: join(dir, 'snapshot'),
    source: join(dir, 'source'),
    sourceOrigin: join(dir, 'source-origin.json'),
    splices,
    spliceErrors: join(splices, 'slabs', 'migrsync.lmdb'),
  }
}
