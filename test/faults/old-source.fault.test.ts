import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { compareDumps, report, withoutCheckpoints } from '../support/compare.js'
import { tempDir, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { runMigrator, TINY } from '../support/migrator.js'

test('a migration of an old Cortex that is killed continues with --from-last to the same result', async (t) => {
  const dir = tempDir(t)
  const srcDir = unpack('old/before-0.1.0.tar.gz', join(dir, 'src'))
  const calm = join(dir, 'calm')
  const options = { srcDir, pieces: { ...TINY, partitionBytes: 12_000 }, workers: 2 }
  assert.ok((await runMigrator({ ...options, destDir: calm })).summary !== undefined)
  const expected = dumpCortex(calm)
  for (const line of ['Starting', 'Completed dirn copy', 'splices']) {
    const destDir = join(dir, line.replaceAll(' ', '-'))
    const killed = await runMigrator(
      { ...options, destDir },
      { onLog: (text, kill) => text.includes(line) && kill('SIGKILL') },
    )
    assert.equal(killed.signal, 'SIGKILL', killed.stderr)
    const { summary, stderr } = await runMigrator({ ...options, destDir, fromLast: true })
    assert.ok(summary !== undefined, stderr)
    const { unexplained } = compareDumps(withoutCheckpoints(dumpCortex(destDir)), withoutCheckpoints(expected))
    assert.equal(unexplained.length, 0, `killed at "${line}": ${report(unexplained)}`)
  }
})
