import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cortexPaths, type LayerSlab } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { installSlab, SlabBuild } from './slab-build.js'

/** Databases of the slabs of a 2.x layer, each with whether it is dupsort, as the reference opens them. */
const LAYER_DBS = {
  layer_v2: {
    bybuid: false,
    byprop: true,
    byarray: true,
    bytag: true,
    bytagprop: true,
    byverb: true,
    edgesn1: true,
    edgesn2: true,
    'count:forms': false,
    offsets: false,
    counters: false,
    'propabrv:byts2abrv': false,
    'propabrv:abrv2byts': false,
    'tagabrv:byts2abrv': false,
    'tagabrv:abrv2byts': false,
    'tagpropabrv:byts2abrv': false,
    'tagpropabrv:abrv2byts': false,
  },
  nodedata: { nodedata: false, dataname: true },
  // The reference opens this one without a database when it migrates no splices.
  nodeedits: {},
} as const satisfies Partial<Record<LayerSlab, Readonly<Record<string, boolean>>>>

/** Makes the slabs that layers lack, empty: whoever opens a layer needs all of them, whatever steps were run. */
export function makeEmptySlabs(destDir: string, layers: readonly string[]): void {
  const { layer, migration } = cortexPaths(destDir)
  for (const iden of layers) {
    for (const [slab, dbs] of Object.entries(LAYER_DBS) as [LayerSlab, Record<string, boolean>][]) {
      const finalDir = layer(iden).slab(slab)
      if (SlabReader.exists(finalDir)) continue
      mkdirSync(migration.buildOf(iden), { recursive: true, mode: 0o700 })
      const dir = join(migration.buildOf(iden), `${slab}.empty`)
      const build = new SlabBuild(dir, null)
      for (const [name, dupSort] of Object.entries(dbs)) build.rowsDb(name, dupSort, [])
      build.finish()
      installSlab(dir, finalDir)
    }
  }
}
