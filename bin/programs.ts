import { outliveReaders } from '../src/cli/exit.js'
import { migrateCommand } from '../src/cli/migrate-command.js'
import { synapseMigrator } from '../src/cli/program.js'
import { syncCommand } from '../src/cli/sync-command.js'

export const programs = {
  migrate_020: () => migrateCommand('migrate_020'),
  sync_020: () => syncCommand('sync_020'),
  'synapse-migrator': synapseMigrator,
} as const

/** Runs a program with the arguments of this process. */
export async function run(name: keyof typeof programs): Promise<void> {
  outliveReaders()
  process.exitCode = await programs[name]().run(process.argv.slice(2))
}
