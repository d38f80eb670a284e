import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { MigrationError } from '../errors.js'
import { cortexPaths, type LayerSlab } from '../layout/paths.js'
import { SOURCE_SLABS } from '../layout/source-layer.js'
import { SlabReader } from '../page/page-reader.js'
import { isInUse } from '../slab/in-use.js'
import { snapshotSlabs } from '../slab/snapshot.js'

/** A 0.1.x Cortex commits each slab separately, every half second, or later when it is busy. */
const COMMIT_WAIT_MS = 2_000

/**
 * Finds out where to read the layers: from the source itself, or, if a Cortex is writing to it, from copies below the
 * destination. The page reader must not read a slab that is being written to, and all threads share a copy's single
 * state.
 *
 * @param fromLast whether to reuse copies of an earlier run
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
  // A sync continues where the copied splices end, so the Cortex must have committed their effects before we copy the
  // nodes.
  await copy(['splices'])
  await setTimeout(COMMIT_WAIT_MS)
  await copy(['layer', 'nodedata'])
  renameSync(part, snapshotDir)
  return snapshotDir
}

/** @throws {MigrationError} ERR_SOURCE when a process has a layer open: reading it takes long, and needs a copy */
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
