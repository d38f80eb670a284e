import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { withDefaults } from '../../src/api/run-options.js'
import { cortexPaths } from '../../src/layout/paths.js'
import { Migrator } from '../../src/migrate/migrator.js'
import { tempDir, unpack } from '../support/cortex.js'

test('a run refuses a destination that another run has written to between its checks and its lock', async (t) => {
  const dir = tempDir(t)
  const srcDir = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const destDir = join(dir, 'dest')
  const options = withDefaults({ srcDir, destDir, workers: 1 })
  let isWritten = false
  // The first warning comes of the checks.
  const log = (): void => {
    if (isWritten) return
    isWritten = true
    const checkpoints = cortexPaths(destDir).migration.checkpoints
    mkdirSync(checkpoints, { recursive: true })
    writeFileSync(join(checkpoints, 'data.mdb'), 'of another run')
  }
  const refused = { code: 'ERR_LOCKED', message: /another run has written to it in the meantime$/ }
  await assert.rejects(new Migrator(options, log, { show: () => {} }).run(), refused)
  assert.ok(isWritten)
})
