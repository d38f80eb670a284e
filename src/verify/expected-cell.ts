import { DestCell } from '../dest/dest-cell.js'
import { DestQueues } from '../dest/dest-queues.js'
import { MigrationLog } from '../dest/migration-log.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { MemorySlab } from '../slab/memory-slab.js'
import type { MigrOp } from '../step/context.js'
import { runSteps } from '../step/run-cell-steps.js'
import { CopiedFiles } from './copied-files.js'

/** Stands for the time of the migration, which does not follow from the source. */
export const ANY_TIME = -1

/** What the completed steps make of the source: everything that the destination must have besides its layers. */
export interface ExpectedCell {
  readonly cell: MemorySlab
  readonly queues: MemorySlab
  /** Whether there must be a slab of queues. */
  readonly hasQueues: boolean
  readonly log: MemorySlab
  readonly files: CopiedFiles
  close(): void
}

export interface ExpectedCellOptions {
  readonly srcDir: string
  readonly destDir: string
  readonly cellGuid: string
  /** The cell steps that the migration log records as done. */
  readonly steps: ReadonlySet<MigrOp>
  readonly layers: readonly string[]
  /** Whether the migration ran with `--dest-dedicated`. */
  readonly destDedicated: boolean
}

/**
 * Runs the cell steps again on a copy of the source in memory.
 *
 * @throws {MigrationError} when the source cannot be read
 */
export async function expectedCell(options: ExpectedCellOptions): Promise<ExpectedCell> {
  const { srcDir, destDir, cellGuid, steps, layers, destDedicated } = options
  const paths = cortexPaths(srcDir)
  const opened: SlabReader[] = []
  const open = (path: string): SlabReader | null => {
    if (!SlabReader.exists(path)) return null
    const slab = SlabReader.open(path)
    opened.push(slab)
    return slab
  }
  const close = () => {
    for (const slab of opened) slab.close()
  }
  try {
    const [cell, queues] = [open(paths.slab('cell')), open(paths.slab('queues'))]
    const made = {
      cell: new MemorySlab(cell),
      queues: new MemorySlab(queues),
      log: new MemorySlab(null),
      files: new CopiedFiles(srcDir, destDir),
    }
    let hasQueues = queues !== null
    await runSteps({
      destDir,
      ops: new Set([...steps, 'dirn']),
      layers,
      log: () => undefined,
      now: () => ANY_TIME,
      migrlog: new MigrationLog(made.log),
      cell: new DestCell(made.cell, cellGuid),
      files: made.files,
      queues: async () => {
        hasQueues = true
        return new DestQueues(made.queues)
      },
      modelWarnings: [],
      destDedicated,
    })
    return { ...made, hasQueues, close }
  } catch (error) {
    close()
    throw error
  }
}
