import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { MigrationError } from '../errors.js'
import { cortexPaths, type LayerSlab } from '../layout/paths.js'
import { SOURCE_SLABS } from '../layout/source-layer.js'
import { SlabReader } from '../page/page-reader.js'
import { isInUse } from '../slab/in-use.js'
import { snapshotSlabs } from '../slab/snapshot.js'

/** A 0.1.x Cortex commits each slab by itself every half second, longer when it is busy. */
const COMMIT_WAIT_MS = 2_000

/**
 * Where to read the layers from: the source itself, or copies below the destination when a Cortex is writing to it. The
 * page reader must not read what somebody writes to; a copy is one state that all threads share.
 *
 * @param fromLast whether copies of an earlier run are used again
 * @returns a directory with `layers/<iden>/*.lmdb`
 */
export async function snapshotIfLive(
  srcDir: string,
  layers: readonly string[],
  { destDir, fromLast }: { destDir: string; fromLast: boolean },
  warn: (text: string) => void,
): Promise<string> {
  const snapshotDir = snapshotDirOf(destDir)
  if (fromLast && existsSync(snapshotDir)) return snapshotDir
  rmSync(snapshotDir, { recursive: true, force: true })
  if (liveLayer(srcDir, layers) === undefined) return srcDir
  warn('The source Cortex is running: its layers are copied first, and the copies are migrated')
  const part = `${snapshotDir}.part`
  rmSync(part, { recursive: true, force: true })
  for (const iden of layers) mkdirSync(cortexPaths(part).layer(iden).dir, { recursive: true, mode: 0o700 })
  const copy = (slabs: readonly LayerSlab[]) => {
    const paths = layers.flatMap((iden) =>
      slabs.map((slab) => [srcDir, part].map((dir) => cortexPaths(dir).layer(iden).slab(slab))),
    )
    return snapshotSlabs(paths.filter(([path]) => SlabReader.exists(path)).map(([source, dest]) => ({ source, dest })))
  }
  // A sync goes on where the copied splices end: all that they tell of must be committed before the nodes are copied.
  await copy(['splices'])
  await setTimeout(COMMIT_WAIT_MS)
  await copy(['layer', 'nodedata'])
  renameSync(part, snapshotDir)
  return snapshotDir
}

/** @throws {MigrationError} ERR_SOURCE when a process has a layer open: it cannot be read for long without a copy of it */
export function refuseLiveLayers(srcDir: string, layers: readonly string[]): void {
  const live = liveLayer(srcDir, layers)
  if (live === undefined) return
  throw new MigrationError(
    'ERR_SOURCE',
    `Cannot read "${srcDir}" without copying it: a process has layer ${live} open`,
    {
      hint: 'stop the Cortex, or give a backup of it',
    },
  )
}

function liveLayer(srcDir: string, layers: readonly string[]): string | undefined {
  return layers.find((iden) => SOURCE_SLABS.some((slab) => isInUse(cortexPaths(srcDir).layer(iden).slab(slab))))
}

export function snapshotDirOf(destDir: string): string {
  return cortexPaths(destDir).migration.snapshot
}
