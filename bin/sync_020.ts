import { syncCommand } from '../src/cli/sync-command.js'

process.exitCode = await syncCommand(process.argv.slice(2))
