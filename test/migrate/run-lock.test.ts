import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { withDefaults } from '../../src/api/run-options.js'
import { cortexPaths } from '../../src/layout/paths.js'
import { Migrator } from '../../src/migrate/migrator.js'
import { tempDir, unpack } from '../support/cortex.js'

const WRITTEN = { code: 'ERR_LOCKED', message: /another run has written to it in the meantime$/ }

test('a run refuses a destination that another run has written to between its checks and its lock', async (t) => {
  const { run, write } = subject(tempDir(t))
  await assert.rejects(run(write), WRITTEN)
})

test('what is wrong with a destination that another run has written to during the checks is that run’s', async (t) => {
  const dir = tempDir(t)
  const { run, write, destDir } = subject(dir)
  mkdirSync(destDir)
  writeFileSync(join(destDir, 'cell.guid'), '0'.repeat(32))
  await assert.rejects(
    run(() => {}),
    { code: 'ERR_PREFLIGHT' },
  )
  await assert.rejects(run(write), WRITTEN)
})

test('what is wrong with a destination that another run has left during the checks is that run’s', async (t) => {
  const { run, destDir } = subject(tempDir(t))
  const { dir, runLock } = cortexPaths(destDir).migration
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(destDir, 'cell.guid'), '0'.repeat(32))
  // All that it wrote it had written before we came: only its lock tells.
  writeFileSync(runLock, '')
  await assert.rejects(
    run(() => rmSync(runLock)),
    WRITTEN,
  )
})

/** A run, and what another one would write to its destination. */
function subject(dir: string) {
  const srcDir = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const destDir = join(dir, 'dest')
  const options = withDefaults({ srcDir, destDir, workers: 1 })
  return {
    destDir,
    write(): void {
      const checkpoints = cortexPaths(destDir).migration.checkpoints
      mkdirSync(checkpoints, { recursive: true })
      writeFileSync(join(checkpoints, 'data.mdb'), 'of another run')
    },
    /** @param meanwhile done once, at the first warning, which comes of the checks */
    async run(meanwhile: () => void): Promise<void> {
      let isDone = false
      const log = (): void => {
        if (isDone) return
        isDone = true
        meanwhile()
      }
      await new Migrator(options, log, { show: () => {} }).run()
      assert.ok(isDone)
    },
  }
}
