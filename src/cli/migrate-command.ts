import { CliCommand } from './cli-command.js'
import { addMigrateOptions, addRunOptions, type ParsedMigrate } from './migrate-options.js'

/** `migrate_020`, or `synapse-migrator migrate`. */
export function migrateCommand(name: string): CliCommand {
  return addRunOptions(addMigrateOptions(new CliCommand(name)))
    .exitCodes()
    .runs<ParsedMigrate>(async (parsed) => (await import('./run-migrate.js')).runMigrate(parsed))
}
