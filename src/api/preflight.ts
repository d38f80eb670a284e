import { preflight as check, type Preflight } from '../preflight/preflight.js'
import { readSource } from '../source/cortex-dir.js'
import { withSource } from '../upgrade/with-source.js'
import { type MigrateInput, withDefaults } from './run-options.js'

/**
 * Makes the checks of a migration and writes nothing. A migration can start if there are no `problems`.
 *
 * @throws {MigrationError} when the source cannot be read at all
 */
export async function preflight(input: MigrateInput): Promise<Preflight> {
  const options = withDefaults(input)
  const { srcDir, destDir, modelFiles } = options
  const older: string[] = []
  const look = { srcDir, destDir, modelFiles, depth: 'cell', tell: (text: string) => older.push(text) } as const
  const found = await withSource(look, (dir) => check(readSource(dir, destDir, srcDir), options))
  return { ...found, notes: [...older, ...found.notes] }
}
