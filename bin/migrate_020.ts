import { outliveReaders } from '../src/cli/exit.js'
import { migrateCommand } from '../src/cli/migrate-command.js'

outliveReaders()
process.exitCode = await migrateCommand('migrate_020').run(process.argv.slice(2))
