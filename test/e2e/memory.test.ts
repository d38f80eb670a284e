import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LAUNCHER } from '../../bench/made-cortex.js'
import { measureProcess } from '../../bench/measured-process.js'
import { tempDir, unpack } from '../support/cortex.js'

const MIB = 2 ** 20

test('migrate_020 starts no more workers than --memory has room for, and stays within it', async (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const logPath = join(dir, 'log')
  const args = ['--src', src, '--dest', join(dir, 'dest'), '--workers', '64', '--memory', '256M']
  const { exitCode, peakOwnBytes } = await measureProcess([process.execPath, LAUNCHER, ...args], { logPath })
  const log = readFileSync(logPath, 'utf8')
  assert.equal(exitCode, 8, log)
  assert.match(log, /\[WARNING\] Starting 2 of 64 workers, as many as 256\.0 MiB of memory have room for /)
  // With 64 workers it is more than a gigabyte.
  assert.ok(peakOwnBytes > 50 * MIB && peakOwnBytes <= 256 * MIB, `${Math.round(peakOwnBytes / MIB)} MiB`)
})
