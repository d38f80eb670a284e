import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DEST_DBS, DEST_LAYER_SLABS, type DestDbName, type DestLayerSlab, dbsOf } from '../layout/dest-dbs.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { installSlabs, SlabBuild } from './slab-build.js'

/** Creates the slabs that layers lack, empty: Synapse needs all of them to open a layer, whichever steps ran. */
export function makeEmptySlabs(destDir: string, layers: readonly string[]): void {
  const { layer, migration } = cortexPaths(destDir)
  for (const iden of layers) {
    for (const slab of DEST_LAYER_SLABS) {
      const finalDir = layer(iden).slab(slab)
      if (SlabReader.exists(finalDir)) continue
      mkdirSync(migration.buildOf(iden), { recursive: true, mode: 0o700 })
      const dir = join(migration.buildOf(iden), `${slab}.empty`)
      const build = new SlabBuild(dir, null)
      for (const name of emptyDbsOf(slab)) build.rowsDb(name, DEST_DBS[name].dupSort, [])
      build.finish()
      installSlabs([{ dir, finalDir }])
    }
  }
}

/** When the reference migrates no splices, it creates the slab of node edits without a database. */
function emptyDbsOf(slab: DestLayerSlab): readonly DestDbName[] {
  return slab === 'nodeedits' ? [] : dbsOf(slab)
}
