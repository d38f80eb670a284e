import { outliveReaders } from '../src/cli/exit.js'
import { synapseMigrator } from '../src/cli/program.js'

outliveReaders()
process.exitCode = await synapseMigrator().run(process.argv.slice(2))
