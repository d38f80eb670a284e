import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/** `test/fixtures`, seen from the compiled tests in `dist/test/support`. */
export const fixturesDir = join(import.meta.dirname, '..', '..', '..', 'test', 'fixtures')

/** A new directory that is gone when the tests of the file are done. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'synapse-migrator-test-'))
  after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
