import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { migrate, tempDir, unpack } from '../support/cortex.js'
import { fileState, layerSlabs, scanInThreads } from '../support/scan-threads.js'

test('SlabReader reads every row in every scan of 8 threads at once, and changes no file', async (t) => {
  const cortex = unpack('demo-cortex.tar.gz', join(tempDir(t), 'cortex'))
  const before = fileState(cortex)
  const { scans, rows, incomplete } = await scanInThreads(layerSlabs(cortex), { threads: 8, renewals: 4, rounds: 2 })
  assert.deepEqual(incomplete, [])
  assert.ok(scans > 1000 && rows > 100_000, `${scans} scans, ${rows} rows`)
  assert.deepEqual(fileState(cortex), before)
})

test('a migration leaves every file of the source as it was: bytes, times, lock files', (t) => {
  const dir = tempDir(t)
  const cortex = unpack('demo-cortex.tar.gz', join(dir, 'cortex'))
  const before = fileState(cortex)
  assert.ok(Object.keys(before).some((path) => path.endsWith('data.mdb')))
  assert.equal(migrate('--src', cortex, '--dest', join(dir, 'dest'), '--workers', '8', '--src-dedicated').status, 8)
  assert.deepEqual(fileState(cortex), before)
})
