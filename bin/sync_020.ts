import { outliveReaders } from '../src/cli/exit.js'
import { syncCommand } from '../src/cli/sync-command.js'

outliveReaders()
process.exitCode = await syncCommand('sync_020').run(process.argv.slice(2))
