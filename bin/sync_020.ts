import { syncCommand } from '../src/cli/sync-command.js'

process.exitCode = await syncCommand('sync_020').run(process.argv.slice(2))
