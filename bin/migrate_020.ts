import { migrateCommand } from '../src/cli/migrate-command.js'

process.exitCode = await migrateCommand(process.argv.slice(2))
