import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { RunReport } from '../../src/cli/run-report.js'
import { tempDir } from '../support/cortex.js'

test('a run whose list of runs cannot be written is an error of the destination', async (t) => {
  const destDir = join(tempDir(t), 'dest')
  mkdirSync(destDir)
  writeFileSync(join(destDir, 'migration'), 'in the way')
  const lines: string[] = []
  const run = { runId: 'run', srcDir: '/nowhere', destDir, isDryRun: false, reportDir: null, options: {} }
  const progress = { show: () => {} }
  const log = (level: string, text: string) => lines.push(`${level} ${text}`)
  const report = new RunReport(run, progress, log)
  assert.throws(() => report.begin(), { code: 'ERR_DEST', message: /^Cannot write to ".*dest": / })
  await report.failed(new Error('broken'))
  assert.deepEqual(lines, [])
})
