import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ErrorCounts } from '../dest/error-counts.js'
import { cortexPaths } from '../layout/paths.js'
import type { Log } from '../log.js'
import { SlabReader } from '../page/page-reader.js'
import { snapshotSlabs } from '../slab/snapshot.js'
import type { SourceCortex } from '../source/cortex-dir.js'
import { WriterClient } from '../thread/writer-client.js'
import type { MigrateOptions } from './options.js'

const FILES = ['cell.guid', 'cell.yaml', 'boot.yaml'] as const
const SLABS = ['cell', 'queues'] as const

/**
 * Runs the steps that have to do with the cell as a whole on copies of the few slabs that they work on, below the system's
 * directory for temporary files; these are gone when it returns.
 *
 * @returns how many errors there were; `errors` counts them by kind
 */
export async function dryCellSteps(
  source: SourceCortex,
  layers: readonly string[],
  modelWarnings: readonly string[],
  options: MigrateOptions,
  log: Log,
  errors: ErrorCounts,
): Promise<number> {
  const destDir = mkdtempSync(join(tmpdir(), 'synapse-migrator-dry-'))
  const writer = new WriterClient(log)
  try {
    await copyCell(options.ops.has('dirn') ? source.dir : options.destDir, destDir)
    await writer.call('open', { destDir })
    const { ops, destDedicated } = options
    const errorCount = await writer.call('cellSteps', {
      srcDir: source.dir,
      destDir,
      ops: [...ops],
      layers,
      modelWarnings,
      destDedicated,
    })
    errors.addLog(destDir, ops)
    return errorCount
  } finally {
    await writer.close()
    rmSync(destDir, { recursive: true, force: true })
  }
}

async function copyCell(from: string, to: string): Promise<void> {
  mkdirSync(cortexPaths(to).slabs, { mode: 0o700 })
  for (const name of FILES) if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name))
  const [source, dest] = [cortexPaths(from), cortexPaths(to)]
  const there = SLABS.filter((name) => SlabReader.exists(source.slab(name)))
  await snapshotSlabs(there.map((name) => ({ source: source.slab(name), dest: dest.slab(name) })))
}
