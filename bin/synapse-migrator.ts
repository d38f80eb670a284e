import { migratorCommand } from '../src/cli/migrator-command.js'

// `synapse-migrator errors … | head` closes the pipe early, which is no failure.
process.stdout.on('error', (err: NodeJS.ErrnoException) => {
  if (err.code !== 'EPIPE') throw err
  process.exit()
})

process.exitCode = await migratorCommand(process.argv.slice(2))
