import { join, relative } from 'node:path'
import { type CellFiles, cellFiles } from '../dest/cell-files.js'
import { DestCell } from '../dest/dest-cell.js'
import { DestQueues } from '../dest/dest-queues.js'
import type { ErrorCounts } from '../dest/error-counts.js'
import { errorOf } from '../dest/error-records.js'
import { MigrationLog } from '../dest/migration-log.js'
import { cortexPaths } from '../layout/paths.js'
import type { Log } from '../log.js'
import { SlabReader } from '../page/page-reader.js'
import { MemorySlab } from '../slab/memory-slab.js'
import type { SourceCortex } from '../source/cortex-dir.js'
import { runSteps } from '../step/run-cell-steps.js'
import type { MigrateOptions } from './options.js'

/**
 * Runs the cell steps on copies in memory of the few slabs and files that they change.
 *
 * @returns how many errors there were; `errors` counts them by kind
 */
export async function dryCellSteps(
  source: SourceCortex,
  layers: readonly string[],
  modelWarnings: readonly string[],
  { destDir, destDedicated, ops }: MigrateOptions,
  log: Log,
  errors: ErrorCounts,
): Promise<number> {
  // Step dirn starts from the source's files. Without it, the other steps continue with those of the destination.
  const fromDir = ops.has('dirn') ? source.dir : destDir
  const paths = cortexPaths(fromDir)
  const opened: SlabReader[] = []
  const copyOf = (path: string) => {
    if (!SlabReader.exists(path)) return new MemorySlab(null)
    const slab = SlabReader.open(path)
    opened.push(slab)
    return new MemorySlab(slab)
  }
  const migrlog = new MigrationLog(new MemorySlab(null))
  try {
    const errorCount = await runSteps({
      destDir,
      ops,
      layers,
      log,
      now: Date.now,
      migrlog,
      cell: new DestCell(copyOf(paths.slab('cell')), DestCell.guidOf(fromDir)),
      files: unwritten(destDir, fromDir),
      queues: async () => new DestQueues(copyOf(paths.slab('queues'))),
      modelWarnings,
      destDedicated,
    })
    for (const slab of opened) slab.assertUnchanged()
    for (const { migrop, key, val } of migrlog.records(undefined, 'error')) errors.add(errorOf(migrop, key, val))
    return errorCount
  } finally {
    for (const slab of opened) slab.close()
  }
}

/** The files that step dirn would have made in a destination: reads them from where they are now, and never writes. */
function unwritten(destDir: string, fromDir: string): CellFiles {
  return {
    read: (path) => cellFiles.read(join(fromDir, relative(destDir, path))),
    write: () => {},
    move: () => {},
  }
}
