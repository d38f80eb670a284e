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

/** What a run reads of the layers of its source. */
export interface NeededLayers {
  /** Layers to migrate, in this run or, with `--layer`, in a later one, which must see the same state. */
  readonly whole: readonly string[]
  /** Other layers, which may hold the form rows of partial nodes. */
  readonly forms: readonly string[]
}

/**
 * Finds out where to read the layers: from the source itself, or, if a Cortex is writing to it, from copies below the
 * destination. The page reader must not read a slab that is being written to, and all threads share a copy's single
 * state.
 *
 * @param fromLast whether to reuse copies of an earlier run
 * @returns a directory with `layers/<iden>/*.lmdb`
 * @throws {MigrationError} ERR_CHECKPOINT_MISMATCH when the copies of an earlier run lack something of this one's layers
 */
export async function snapshotIfLive(
  srcDir: string,
  { whole, forms }: NeededLayers,
  { destDir, fromLast }: { destDir: string; fromLast: boolean },
  warn: (text: string) => void,
): Promise<string> {
  const snapshotDir = snapshotDirOf(destDir)
  if (fromLast && existsSync(snapshotDir)) {
    assertWhole(srcDir, snapshotDir, whole)
    return snapshotDir
  }
  rmSync(snapshotDir, { recursive: true, force: true })
  if (liveLayer(srcDir, whole) === undefined) return srcDir
  warn('The source Cortex is running: its layers are copied first, and the copies are migrated')
  const part = `${snapshotDir}.part`
  rmSync(part, { recursive: true, force: true })
  for (const iden of [...whole, ...forms])
    mkdirSync(cortexPaths(part).layer(iden).dir, { recursive: true, mode: 0o700 })
  const copy = (layers: readonly string[], slabs: readonly LayerSlab[]) => {
    const paths = layers.flatMap((iden) =>
      slabs.map((slab) => [srcDir, part].map((dir) => cortexPaths(dir).layer(iden).slab(slab))),
    )
    return snapshotSlabs(paths.filter(([path]) => SlabReader.exists(path)).map(([source, dest]) => ({ source, dest })))
  }
  // A sync continues where the copied splices end, so the Cortex should have committed their effects before we copy the
  // nodes. If it takes longer, firstUnstoredSplice() finds out.
  await copy(whole, ['splices'])
  await setTimeout(COMMIT_WAIT_MS)
  await copy(whole, ['layer', 'nodedata'])
  await copy(forms, ['layer'])
  renameSync(part, snapshotDir)
  return snapshotDir
}

/** The run that made the copies may have been told to leave out a layer: it must not pass for one without history. */
function assertWhole(srcDir: string, snapshotDir: string, layers: readonly string[]): void {
  for (const iden of layers) {
    const [source, copy] = [srcDir, snapshotDir].map((dir) => cortexPaths(dir).layer(iden))
    const lost = SOURCE_SLABS.find(
      (slab) => SlabReader.exists(source.slab(slab)) && !SlabReader.exists(copy.slab(slab)),
    )
    if (lost === undefined) continue
    throw new MigrationError(
      'ERR_CHECKPOINT_MISMATCH',
      `Cannot continue with the copies in "${snapshotDir}": they lack ${lost}.lmdb of layer ${iden}`,
      { hint: 'Give the options of the run that made the copies, or start over with --restart' },
    )
  }
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

function snapshotDirOf(destDir: string): string {
  return cortexPaths(destDir).migration.snapshot
}
