import { CliCommand } from './cli-command.js'
import { addMigrateOptions, addOptionsWithoutEffect, addRunOptions, type ParsedMigrate } from './migrate-options.js'

/** `migrate_020`, or `synapse-migrator migrate`. */
export function migrateCommand(name: string): CliCommand {
  const program = name === 'migrate' ? 'synapse-migrator migrate' : name
  return addOptionsWithoutEffect(addRunOptions(addMigrateOptions(new CliCommand(name))))
    .examples(
      `${program} --src ./cortex-01x --dest ./cortex-2x --verify`,
      `${program} --src ./cortex-01x --dest ./cortex-2x --from-last`,
      `${program} --src ./cortex-01x --dest ./cortex-2x --dry-run`,
    )
    .exitCodes()
    .runs<ParsedMigrate>(async (parsed, _, { origins }) =>
      (await import('./run-migrate.js')).runMigrate(parsed, origins),
    )
}
