import { Migrator } from '../migrate/migrator.js'
import type { MigrateSummary } from '../migrate/summary.js'
import { abortOf, type MigrateInput, type RunControls, withDefaults } from './run-options.js'

/**
 * Migrates a 0.1.x Cortex, like `migrate_020`. If you abort it, you can call it again with `fromLast` to continue.
 *
 * The summary and the migration log list the values that could not be migrated; see `errors()`.
 *
 * @throws {MigrationError} when the migration is refused or cannot go on
 */
export async function migrate(input: MigrateInput, controls: RunControls = {}): Promise<MigrateSummary> {
  const aborted = abortOf(controls.signal)
  const show = controls.onProgress ?? (() => {})
  return new Migrator(withDefaults(input), controls.onLog ?? (() => {}), { show }).run(aborted)
}
