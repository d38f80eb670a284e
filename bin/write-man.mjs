// Writes the manual pages into man, from the tree of commands: npm pack does it.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { manPage } from '../dist/src/cli/man-page.js'
import { packageVersion } from '../dist/src/cli/package-version.js'
import { programs } from '../dist/src/cli/program.js'

rmSync('man', { recursive: true, force: true })
mkdirSync('man')
for (const program of programs()) {
  const apart = program.name() === 'synapse-migrator' ? { migrate: 'migrate_020', sync: 'sync_020' } : {}
  writeFileSync(`man/${program.name()}.1`, manPage(program, packageVersion(), apart))
}
