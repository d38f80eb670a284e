import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeScratchDir } from '../file/scratch-dir.js'
import { cortexPaths } from '../layout/paths.js'
import type { ModelFile } from '../model/model-file.js'
import { planUpgrade, type UpgradePlan, upgradeCellOnly, upgradeSource, upgradeText } from './upgrade-source.js'

/** What of a source is looked at: all of it, or the Cortex's own slabs and what layers there are. */
export type SourceDepth = 'whole' | 'cell'

export interface SourceOptions {
  readonly srcDir: string
  /** Where an upgraded copy may lie: in its `migration` directory, or else where there is room for temporary files. */
  readonly destDir: string | null
  readonly modelFiles: readonly ModelFile[]
  readonly depth: SourceDepth
  /** Told, before it is made, that the source is older and what changes. */
  readonly tell: (text: string) => void
}

/**
 * Calls `use` with the directory to read a source of any 0.1.x release from: the source itself, or a temporary copy that is
 * as 0.1.58 leaves it when it has started on it. The copy holds links to all that does not change, and is removed at the end.
 *
 * @throws {MigrationError} as `upgradeSource()`
 */
export async function withSource<T>(options: SourceOptions, use: (dir: string) => T | Promise<T>): Promise<T> {
  return await withUpgrade(planUpgrade(options.srcDir), options, use)
}

/** `withSource()` for who has the plan already: it costs a look into each layer. */
export async function withUpgrade<T>(
  plan: UpgradePlan | null,
  options: SourceOptions,
  use: (dir: string) => T | Promise<T>,
): Promise<T> {
  if (plan === null) return await use(options.srcDir)
  const { destDir } = options
  const scratch = makeScratchDir(destDir === null ? null : cortexPaths(destDir).migration.dir, destDir)
  const dir = join(scratch, 'source')
  try {
    for (const text of upgradeNotes(plan)) options.tell(text)
    if (options.depth === 'whole') upgradeSource(plan, dir, options.modelFiles)
    else upgradeCellOnly(plan, dir)
    return await use(dir)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** That a source is of an older release, and what changes, for people. */
export function upgradeNotes(plan: UpgradePlan): string[] {
  const head =
    'The source is from a release before 0.1.58. A copy of what changes is made, and the source stays as it is:'
  return [head, ...upgradeText(plan).map((line) => `  ${line}`)]
}
