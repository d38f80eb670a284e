import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after } from 'node:test'
import { tempDir, unpack } from './cortex.js'
import { PIECES, type RunOptions, runMigrator } from './migrator.js'
import { layerDigests } from './row-digest.js'

/** A source and what an undisturbed run makes of it; made once. */
export const calm = (async () => {
  const dir = tempDir({ after })
  const srcDir = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const destDir = join(dir, 'calm')
  const startMs = Date.now()
  const { summary, stderr } = await runMigrator({ srcDir, destDir, pieces: PIECES })
  assert.ok(summary !== undefined, stderr)
  return { dir, srcDir, destDir, expected: layerDigests(destDir), wholeMs: Date.now() - startMs }
})()

/** Continues a run that was killed, and expects what the undisturbed one made. */
export async function finish(
  options: RunOptions,
  expected: object,
  what: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { summary, stderr } = await runMigrator({ ...options, fromLast: true }, { env })
  assert.ok(summary !== undefined, `${what}: ${stderr}`)
  assert.deepEqual(layerDigests(options.destDir), expected, what)
  return stderr
}
