import { Migrator } from '../migrate/migrator.js'
import type { MigrateSummary } from '../migrate/summary.js'
import { abortOf, type MigrateInput, type RunControls, withDefaults } from './run-options.js'

/**
 * Migrates a 0.1.x Cortex, as `migrate_020` does. Aborted, it may be called again with `fromLast`, and goes on.
 *
 * Values that cannot be migrated are in the summary and in the migration log: see `errors()`.
 *
 * @throws {MigrationError} when the migration is refused or cannot go on
 */
export async function migrate(input: MigrateInput, controls: RunControls = {}): Promise<MigrateSummary> {
  const aborted = abortOf(controls.signal)
  const show = controls.onProgress ?? (() => {})
  return new Migrator(withDefaults(input), controls.onLog ?? (() => {}), { show }).run(aborted)
}
