import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeScratchDir } from '../file/scratch-dir.js'
import { cortexPaths } from '../layout/paths.js'
import type { ModelFile } from '../model/model-file.js'
import { planUpgrade, type UpgradePlan, upgradeCellOnly, upgradeSource, upgradeText } from './upgrade-source.js'

/** How much of a source we read: all of it, or only the Cortex's own slabs and the list of its layers. */
export type SourceDepth = 'whole' | 'cell'

export interface SourceOptions {
  readonly srcDir: string
  /** Where to put an upgraded copy: in this destination's `migration` directory, or, if null, with temporary files. */
  readonly destDir: string | null
  readonly modelFiles: readonly ModelFile[]
  readonly depth: SourceDepth
  /** Receives a message that the source is older and what will change, before we make the copy. */
  readonly tell: (text: string) => void
}

/**
 * Calls `use` with a directory where it can read a source of any 0.1.x release: the source itself, or a temporary copy
 * that looks as if 0.1.58 had started on it. The copy has links to everything that does not change. We remove it at the
 * end.
 *
 * @throws {MigrationError} like `upgradeSource()`
 */
export async function withSource<T>(options: SourceOptions, use: (dir: string) => T | Promise<T>): Promise<T> {
  return await withUpgrade(planUpgrade(options.srcDir), options, use)
}

/** `withSource()` for callers that already have the plan, which costs a look into each layer. */
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

/** Tells people that a source is of an older release, and what changes. */
export function upgradeNotes(plan: UpgradePlan): string[] {
  const head =
    'The source is from a release before 0.1.58. A copy of what changes is made, and the source stays as it is:'
  return [head, ...upgradeText(plan).map((line) => `  ${line}`)]
}
