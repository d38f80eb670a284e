import { countStorm, type SourceCortex } from '../source/cortex-dir.js'

/** Layers that a run does not migrate, by why. */
interface OtherLayers {
  /** To skip, and empty in the destination. */
  readonly skipped: readonly string[]
  /** To skip, but finished by an earlier run. */
  readonly kept: readonly string[]
  /** Left for a later run. */
  readonly left: readonly string[]
}

/** What the operator should know after the migration. */
export function notesOf(source: SourceCortex, { skipped, left, kept }: OtherLayers): string[] {
  const { triggers, crons, commands } = countStorm(source)
  const notes: string[] = []
  if (left.length > 0) {
    const idens = `${left.length === 1 ? 'layer' : 'layers'} ${left.join(', ')}`
    notes.push(
      `Not looked at, as --layer names others: ${idens}. Migrate the rest with --from-last and without --layer`,
    )
  }
  for (const iden of skipped) {
    notes.push(`--skip-layer leaves layer ${iden} empty in the new Cortex: its views keep it`)
  }
  for (const iden of kept) {
    notes.push(
      `Layer ${iden} stays as an earlier run has migrated it: --skip-layer leaves only unfinished layers empty`,
    )
  }
  if (triggers + crons + commands > 0) {
    const counts = `${triggers} triggers, ${crons} cron jobs, ${commands} commands and packages`
    notes.push(`Storm text is copied as it is, not translated: check that of ${counts} in the new Cortex`)
  }
  if (source.hive.children(['cortex', 'views']).length > 1) {
    notes.push(
      'In 0.1.x everyone could read every view; in 2.x the role "all" may read the default view: grant access to the others',
    )
  }
  return notes
}
